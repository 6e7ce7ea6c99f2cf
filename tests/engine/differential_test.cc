// Random networks on integers against float semantics, on every instruction set. A network that fails is made smaller,
// printed, and written to the build folder.
//
//   OCTET_DIFFERENTIAL_GRAPHS   how many networks; 400 unless it is set
//   OCTET_DIFFERENTIAL_SEED     that of the first network: the seed of a message, to see one again

#include <gtest/gtest.h>

#include <cstdlib>

#include "frontends/onnx/exporter.h"
#include "graph/ops/infer.h"
#include "tests/engine/shrink.h"
#include "tests/engine/teacher_forcing.h"

namespace octet::test {
namespace {

unsigned number_from(const char* variable, unsigned fallback) {
    const char* text = std::getenv(variable);
    return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : fallback;
}

void report(unsigned seed, const RandomNetwork& network, const std::string& why) {
    const auto difference = [](const RandomNetwork& n) {
        const auto found = find_difference(n);
        return found ? *found : std::nullopt;
    };
    RandomNetwork small = shrink(network, [&](const RandomNetwork& n) { return difference(n).has_value(); });
    const std::string path = fmt::format("{}/differential-{}.onnx", OCTET_BINARY_DIR, seed);
    const bool saved = infer_shapes(small.graph) && onnx::save(small.graph, path);
    ADD_FAILURE() << "network " << seed << ": " << why << "\nsmaller" << (saved ? ", " + path : "") << ": "
                  << difference(small).value_or("") << "\n"
                  << describe(small);
}

TEST(Differential, RandomNetworksOnIntegersAgreeWithFloatSemantics) {
    const unsigned first = number_from("OCTET_DIFFERENTIAL_SEED", 1);
    const unsigned count = number_from("OCTET_DIFFERENTIAL_GRAPHS", 400);
    constexpr int most_failures = 5;
    for (unsigned seed = first, failures = 0; seed - first < count && failures < most_failures; ++seed) {
        const RandomNetwork network = random_network(seed);
        ASSERT_FALSE(network.graph.outputs.empty());
        const auto found = find_difference(network);
        ASSERT_TRUE(found.has_value()) << "network " << seed << ": " << found.error().message << "\n"
                                       << describe(network);
        if (!*found) continue;
        ++failures;
        report(seed, network, **found);
    }
}

}  // namespace
}  // namespace octet::test
