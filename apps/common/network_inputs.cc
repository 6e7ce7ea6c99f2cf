#include "apps/common/network_inputs.h"

#include <algorithm>
#include <map>
#include <random>
#include <type_traits>

#include "apps/common/cli.h"
#include "base/did_you_mean.h"
#include "engine/session.h"
#include "frontends/npy.h"

namespace octet::apps {
namespace {

// In [0, 1) with 24 bits; std's distributions differ between libraries.
float unit_random(std::mt19937_64& generator) {
    return static_cast<float>(generator() >> 40) * 0x1p-24F;
}

Tensor random_tensor(DType type, const Shape& shape, std::mt19937_64& generator) {
    Tensor tensor(type, shape);
    dispatch(type, [&]<typename T>() {
        for (T& value : tensor.mutable_data<T>()) {
            if constexpr (std::is_same_v<T, bool>)
                value = (generator() >> 63) != 0;
            else if constexpr (std::is_floating_point_v<T>)
                value = static_cast<T>(2 * unit_random(generator) - 1);
            else if constexpr (sizeof(T) <= 2)
                value = static_cast<T>(generator() >> 48);
            else
                value = static_cast<T>(10 * unit_random(generator));
        }
    });
    return tensor;
}

}  // namespace

void add_input_options(CLI::App& app, InputOptions& options) {
    app.add_option("--input", options.files, "NAME=FILE.npy: what an input is given; inputs not named are random")
        ->allow_extra_args(false)  // one each time, or MODEL behind it would be swallowed
        ->check(check_assignment);
    app.add_option("--seed", options.seed, "Of the random inputs")->capture_default_str();
}

Result<void> add_input_files(const InputOptions& options, std::vector<std::string>& files) {
    for (const std::string& text : options.files) {
        OCTET_ASSIGN(const auto assignment, split_assignment(text));
        files.push_back(assignment.second);
    }
    return {};
}

Result<std::vector<Tensor>> make_inputs(const std::vector<engine::Port>& ports, const InputOptions& options,
                                        const std::string& model) {
    std::map<std::string, std::string> files;
    for (const std::string& text : options.files) {
        OCTET_ASSIGN(const auto assignment, split_assignment(text));
        const auto& [name, file] = assignment;
        const bool known =
            std::any_of(ports.begin(), ports.end(), [&](const auto& port) { return port.name == assignment.first; });
        if (!known) {
            std::vector<std::string> names;
            for (const engine::Port& port : ports) names.push_back(port.name);
            return fail(ErrorCode::invalid_argument, "--input {}: {} has no input '{}'{}", text, model, name,
                        did_you_mean(name, names));
        }
        if (!files.emplace(name, file).second)
            return fail(ErrorCode::invalid_argument, "--input {}: '{}' is given twice", text, name);
    }
    std::vector<Tensor> tensors;
    std::mt19937_64 generator(options.seed);
    for (const engine::Port& port : ports) {
        const auto file = files.find(port.name);
        if (file == files.end()) {
            tensors.push_back(random_tensor(port.dtype, port.shape, generator));
            continue;
        }
        OCTET_ASSIGN(Tensor tensor, load_npy(file->second));
        if (auto taken = engine::check_input(port, tensor); !taken) return at(file->second, std::move(taken).error());
        tensors.push_back(std::move(tensor));
    }
    return tensors;
}

}  // namespace octet::apps
