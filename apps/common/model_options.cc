#include "apps/common/model_options.h"

#include <string>
#include <vector>

#include "apps/common/cli.h"
#include "base/parse_number.h"
#include "engine/npu_emu/profile.h"

namespace octet::apps {
namespace {

Result<std::int64_t> parse_size(const std::string& text) {
    const auto size = parse_number<std::int64_t>(text);
    if (!size || *size < 1 || *size > max_elements)
        return fail(ErrorCode::invalid_argument, "'{}' is not a size from 1 to {}", text, max_elements);
    return *size;
}

// "1x3x320x320"
Result<Shape> parse_shape(const std::string& text) {
    Shape shape;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('x', begin), text.size());
        OCTET_ASSIGN(const std::int64_t size, parse_size(text.substr(begin, end - begin)));
        shape.push_back(size);
        begin = end + 1;
    }
    return shape;
}

template <typename T>
Result<void> assign(const std::string& text, Result<T> (*parse)(const std::string&), std::map<std::string, T>& values) {
    OCTET_ASSIGN(const auto assignment, split_assignment(text));
    OCTET_ASSIGN(const T value, parse(assignment.second));
    const auto [known, fresh] = values.emplace(assignment.first, value);
    if (!fresh && known->second != value)
        return fail(ErrorCode::invalid_argument, "'{}' is given another value before", assignment.first);
    return {};
}

template <typename T>
void add_assignments(CLI::App& app, const std::string& option, const std::string& type, const std::string& help,
                     Result<T> (*parse)(const std::string&), std::map<std::string, T>& values) {
    app.add_option_function<std::vector<std::string>>(
           option,
           [option, parse, &values](const std::vector<std::string>& texts) {
               for (const std::string& text : texts)
                   if (const auto assigned = assign(text, parse, values); !assigned)
                       throw CLI::ValidationError(fmt::format("{} {}", option, text), assigned.error().message);
           },
           help)
        ->type_name(type)
        ->allow_extra_args(false);  // one each time, or an argument behind it would be swallowed
}

}  // namespace

CLI::Option* add_model_option(CLI::App& app, std::string& model) {
    const auto once = [count = 0](const std::string&) mutable {
        return ++count == 1 ? std::string() : std::string("a second network is given; by position or by -m, not both");
    };
    return app.add_option("-m,--model,MODEL", model, "The network, an ONNX file, by position or by -m")
        ->required()
        ->check(once, "");
}

void add_size_options(CLI::App& app, onnx::ImportOptions& sizes) {
    add_assignments(app, "--dim", "NAME=SIZE", "Size of a dimension that the model leaves open; may be repeated",
                    parse_size, sizes.dimensions);
    add_assignments(app, "--shape", "INPUT=1x3x320x320",
                    "Shape of an input with open dimensions, named or not; may be repeated", parse_shape,
                    sizes.input_shapes);
}

void add_backend_options(CLI::App& app, engine::CompileOptions& compile) {
    auto* backend = app.add_option("--backend", compile.backend,
                                   "What runs the network: cpu, or npu-emu for the arithmetic of --profile")
                        ->check(CLI::IsMember({"cpu", "npu-emu"}))
                        ->capture_default_str();
    app.add_option("--profile", compile.profile,
                   fmt::format("Arithmetic of a runtime or chip, a JSON file or one of {}",
                               fmt::join(engine::npu_emu::profile_names(), ", ")))
        ->type_name("NAME|FILE")
        ->needs(backend);
}

}  // namespace octet::apps
