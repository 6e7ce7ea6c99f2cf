#include "frontends/onnx/input_shapes.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "octet_onnx.pb.h"

namespace octet::onnx {
namespace {

using Dimension = onnx_schema::TensorShapeProto::Dimension;
using Input = onnx_schema::ValueInfoProto;
using Symbols = std::map<std::string, std::int64_t>;

const onnx_schema::TensorShapeProto& shape_in_file(const Input& input) {
    return input.type().tensor_type().shape();
}

bool has_shape(const Input& input) {
    return input.type().tensor_type().has_shape();
}

bool is_open(const Dimension& dimension) {
    return !dimension.has_dim_value() || dimension.dim_value() < 0;
}

// Empty: it has none. Some exporters write "?" for that.
std::string_view name_of(const Dimension& dimension) {
    return dimension.dim_param() == "?" ? std::string_view() : std::string_view(dimension.dim_param());
}

const Shape* given_shape(const Input& input, const ImportOptions& options) {
    const auto given = options.input_shapes.find(input.name());
    return given == options.input_shapes.end() ? nullptr : &given->second;
}

// "1x3xHxW"; ? for a dimension without a name
std::string text_of(const onnx_schema::TensorShapeProto& shape) {
    std::vector<std::string> texts;
    for (const Dimension& dimension : shape.dim()) {
        if (!is_open(dimension)) {
            texts.push_back(std::to_string(dimension.dim_value()));
        } else {
            texts.emplace_back(name_of(dimension).empty() ? "?" : name_of(dimension));
        }
    }
    return texts.empty() ? "scalar" : fmt::format("{}", fmt::join(texts, "x"));
}

std::vector<const Input*> tensor_inputs(const onnx_schema::GraphProto& graph) {
    std::set<std::string_view> initializers;
    for (const auto& initializer : graph.initializer()) initializers.insert(initializer.name());
    std::vector<const Input*> inputs;
    for (const Input& input : graph.input())
        if (input.type().has_tensor_type() && initializers.count(input.name()) == 0) inputs.push_back(&input);
    return inputs;
}

// A misspelt name in the options would otherwise do nothing.
Result<void> check_names(const std::vector<const Input*>& inputs, const ImportOptions& options) {
    std::set<std::string> names, symbols;
    std::vector<std::string> texts;
    for (const Input* input : inputs) {
        names.insert(input->name());
        texts.push_back(
            fmt::format("'{}' {}", input->name(), has_shape(*input) ? text_of(shape_in_file(*input)) : "…"));
        for (const Dimension& dimension : shape_in_file(*input).dim())
            if (is_open(dimension) && !name_of(dimension).empty()) symbols.emplace(name_of(dimension));
    }
    for (const auto& [name, shape] : options.input_shapes)
        if (names.count(name) == 0)
            return fail(ErrorCode::invalid_argument, "a shape is given for '{}', but the inputs are: {}", name,
                        fmt::join(texts, ", "));
    for (const auto& [name, size] : options.dimensions)
        if (symbols.count(name) == 0)
            return fail(ErrorCode::invalid_argument,
                        "a size is given for '{}', but no open dimension has this name; the inputs are: {}", name,
                        fmt::join(texts, ", "));
    return {};
}

Result<void> check_size(std::int64_t size) {
    if (size < 0 || size > max_elements)
        return fail(ErrorCode::invalid_argument, "{} is not a size from 0 to {}", size, max_elements);
    return {};
}

// The shape that the caller gives an input fits what the file says of it. Names in the file get the sizes given.
Result<void> bind(const Input& input, const Shape& given, Symbols& symbols) {
    for (const std::int64_t size : given) OCTET_TRY(check_size(size));
    if (!has_shape(input)) return {};
    const auto& dimensions = shape_in_file(input).dim();
    if (given.size() != static_cast<std::size_t>(dimensions.size()))
        return fail(ErrorCode::invalid_argument, "it has {} dimensions ({}), not {}", dimensions.size(),
                    text_of(shape_in_file(input)), given.size());
    for (int i = 0; i < dimensions.size(); ++i) {
        const Dimension& dimension = dimensions[i];
        const std::int64_t size = given[static_cast<std::size_t>(i)];
        if (!is_open(dimension)) {
            if (size != dimension.dim_value())
                return fail(ErrorCode::invalid_argument, "its dimension {} is fixed to {}", i, dimension.dim_value());
        } else if (!name_of(dimension).empty()) {
            const auto [known, fresh] = symbols.emplace(name_of(dimension), size);
            if (!fresh && known->second != size)
                return fail(ErrorCode::invalid_argument, "its dimension {}, '{}', is given as {} too", i, known->first,
                            known->second);
        }
    }
    return {};
}

Result<Symbols> bind_symbols(const std::vector<const Input*>& inputs, const ImportOptions& options) {
    for (const auto& [name, size] : options.dimensions)
        if (auto checked = check_size(size); !checked)
            return at(fmt::format("dimension '{}'", name), std::move(checked).error());
    Symbols symbols = options.dimensions;
    for (const Input* input : inputs) {
        const Shape* const given = given_shape(*input, options);
        if (given == nullptr) continue;
        if (auto bound = bind(*input, *given, symbols); !bound)
            return at(fmt::format("input '{}' given as {}", input->name(), to_string(*given)),
                      std::move(bound).error());
    }
    return symbols;
}

// Without a value for an open dimension that has none; the first dimension is then 1.
std::vector<std::optional<std::int64_t>> known_sizes(const Input& input, const Symbols& symbols) {
    std::vector<std::optional<std::int64_t>> sizes;
    for (const Dimension& dimension : shape_in_file(input).dim()) {
        const auto symbol = symbols.find(std::string(name_of(dimension)));
        if (!is_open(dimension)) {
            sizes.emplace_back(dimension.dim_value());
        } else if (symbol != symbols.end()) {
            sizes.emplace_back(symbol->second);
        } else if (sizes.empty()) {
            sizes.emplace_back(1);
        } else {
            sizes.emplace_back(std::nullopt);
        }
    }
    return sizes;
}

// A command line's argument as a shell takes it.
std::string argument(const std::string& text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("_-+=.,:/@%").find(c) != std::string_view::npos;
    });
    if (plain) return text;
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return quoted + "'";
}

// What is open in the inputs, and the options of the programs that close it.
tl::unexpected<Error> open_dimensions(const std::vector<const Input*>& inputs, const Symbols& symbols) {
    std::vector<std::string> complaints, shapes, dimensions;
    std::set<std::string> listed;
    bool all_named = true;
    for (const Input* input : inputs) {
        if (!has_shape(*input)) {
            complaints.push_back(fmt::format("input '{}' has no shape", input->name()));
            shapes.push_back("--shape " + argument(input->name() + "=SIZExSIZE"));
            all_named = false;
            continue;
        }
        complaints.push_back(
            fmt::format("input '{}' has open dimensions: {}", input->name(), text_of(shape_in_file(*input))));
        const auto sizes = known_sizes(*input, symbols);
        std::vector<std::string> words;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            if (sizes[i]) {
                words.push_back(std::to_string(*sizes[i]));
                continue;
            }
            const bool is_plane = sizes.size() == 4 && i >= 2;
            words.emplace_back(!is_plane ? "SIZE" : i == 2 ? "HEIGHT" : "WIDTH");
            const std::string symbol(name_of(shape_in_file(*input).dim(static_cast<int>(i))));
            all_named &= !symbol.empty();
            if (listed.insert(symbol).second) dimensions.push_back("--dim " + argument(symbol + "=SIZE"));
        }
        shapes.push_back("--shape " + argument(fmt::format("{}={}", input->name(), fmt::join(words, "x"))));
    }
    return fail(ErrorCode::invalid_argument, "{}; add {}{}", fmt::join(complaints, ", "),
                all_named ? fmt::format("{}, or ", fmt::join(dimensions, " ")) : "", fmt::join(shapes, " "));
}

}  // namespace

Result<std::map<std::string, Shape>> input_shapes(const onnx_schema::GraphProto& graph, const ImportOptions& options) {
    const std::vector<const Input*> inputs = tensor_inputs(graph);
    OCTET_TRY(check_names(inputs, options));
    OCTET_ASSIGN(const Symbols symbols, bind_symbols(inputs, options));
    std::map<std::string, Shape> shapes;
    std::vector<const Input*> open;
    for (const Input* input : inputs) {
        if (const Shape* given = given_shape(*input, options)) {
            shapes[input->name()] = *given;
            continue;
        }
        const auto sizes = known_sizes(*input, symbols);
        if (!has_shape(*input) || std::find(sizes.begin(), sizes.end(), std::nullopt) != sizes.end()) {
            open.push_back(input);
            continue;
        }
        Shape& shape = shapes[input->name()];
        for (const auto& size : sizes) shape.push_back(*size);
    }
    if (!open.empty()) return open_dimensions(open, symbols);
    return shapes;
}

}  // namespace octet::onnx
