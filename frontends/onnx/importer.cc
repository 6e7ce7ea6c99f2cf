#include "frontends/onnx/importer.h"

#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include "frontends/onnx/graph_builder.h"
#include "frontends/onnx/input_shapes.h"
#include "frontends/onnx/opset.h"
#include "frontends/onnx/proto_file.h"
#include "frontends/onnx/qoperator.h"
#include "frontends/onnx/tensor_codec.h"
#include "graph/ir/verify.h"
#include "graph/ops/check.h"
#include "graph/ops/infer.h"
#include "graph/ops/op_list.h"
#include "octet_onnx.pb.h"

namespace octet::onnx {
namespace {

constexpr const char* model_kind = "an ONNX model";

std::string default_domain(const std::string& domain) {
    return domain == "ai.onnx" ? std::string() : domain;
}

class Importer {
  public:
    Importer(onnx_schema::ModelProto& model, const std::string& folder, const ImportOptions& options)
        : model_(model), folder_(folder), options_(options), builder_(graph_) {}

    Result<Graph> run() {
        if (!model_.has_graph() || model_.opset_import().empty()) {
            return fail(ErrorCode::invalid_model, "is not {}: it has no graph or no operator set", model_kind);
        }
        OCTET_TRY(find_opset());
        OCTET_ASSIGN(input_shapes_, input_shapes(model_.graph(), options_));
        graph_.name = model_.graph().name();
        for (const auto& entry : model_.metadata_props()) graph_.metadata[entry.key()] = entry.value();
        OCTET_TRY(add_initializers());
        OCTET_TRY(add_inputs());
        OCTET_TRY(declare_nodes());
        for (std::size_t i = 0; i < nodes_.size(); ++i) OCTET_TRY(add_node(i));
        OCTET_TRY(add_outputs());
        OCTET_TRY(verify(graph_));
        if (auto inferred = infer_shapes(graph_); !inferred) return misfit(std::move(inferred).error());
        return std::move(graph_);
    }

  private:
    Result<void> find_opset() {
        for (const auto& import : model_.opset_import()) {
            if (!default_domain(import.domain()).empty()) continue;
            OCTET_TRY(check_opset(import.version()));
            opset_ = static_cast<int>(import.version());
        }
        return {};
    }

    // Many files with open dimensions were made for one size all the same: it is in constants of theirs.
    tl::unexpected<Error> misfit(Error error) const {
        if (options_.dimensions.empty() && options_.input_shapes.empty()) return tl::unexpected(std::move(error));
        std::string shapes;
        for (const auto& [name, shape] : input_shapes_)
            shapes += fmt::format("{}{}={}", shapes.empty() ? "" : ", ", name, to_string(shape));
        error.message += fmt::format("; the network may be made for other sizes than {}", shapes);
        return tl::unexpected(std::move(error));
    }

    Result<void> declare(const std::string& name, ValueId id) {
        if (name.empty()) return fail(ErrorCode::invalid_model, "a tensor has no name");
        if (!values_.emplace(name, id).second) {
            return fail(ErrorCode::invalid_model, "two tensors are named '{}'", name);
        }
        builder_.value_name(name);  // taken from now on
        return {};
    }

    Result<void> add_initializers() {
        if (model_.graph().sparse_initializer_size() != 0) {
            return fail(ErrorCode::unsupported, "sparse initializers are not supported");
        }
        for (auto& proto : *model_.mutable_graph()->mutable_initializer()) {
            auto tensor = decode(proto, folder_);
            if (!tensor) return at(fmt::format("initializer '{}'", proto.name()), std::move(tensor).error());
            OCTET_TRY(declare(proto.name(), graph_.add_constant(proto.name(), std::move(*tensor))));
            // Weights in the message and in the graph at once would double the peak memory of loading.
            proto.Clear();
        }
        return {};
    }

    Result<void> add_inputs() {
        for (const auto& input : model_.graph().input()) {
            // Until IR version 3 initializers are listed as inputs too; octet treats them as constants in every
            // version.
            if (values_.count(input.name()) != 0 && graph_.constant(values_[input.name()])) continue;
            if (!input.type().has_tensor_type()) {
                return fail(ErrorCode::unsupported, "input '{}' is not a tensor", input.name());
            }
            auto dtype = dtype_from_code(input.type().tensor_type().elem_type());
            if (!dtype) return at(fmt::format("input '{}'", input.name()), std::move(dtype).error());
            const Shape& shape = input_shapes_.at(input.name());
            auto count = element_count(shape);
            if (!count) return at(fmt::format("input '{}'", input.name()), std::move(count).error());
            OCTET_TRY(declare(input.name(), graph_.add_input(input.name(), *dtype, shape)));
        }
        return {};
    }

    // Names the nodes, declares the values that they produce, and turns Constant nodes into constants: nodes may come
    // in any order, and operators may ask for the value of a constant.
    Result<void> declare_nodes() {
        int index = 0;
        for (const auto& proto : model_.graph().node()) {
            Node node;
            node.op = proto.op_type();
            node.name = builder_.node_name(proto.name().empty() ? fmt::format("{}_{}", node.op, index) : proto.name());
            ++index;
            auto declared = declare_node(proto, node);
            if (!declared) return at(describe(node), std::move(declared).error());
        }
        return {};
    }

    Result<void> declare_node(const onnx_schema::NodeProto& proto, Node& node) {
        if (node.op.empty()) return fail(ErrorCode::invalid_model, "it has no operator");
        const std::string domain = default_domain(proto.domain());
        if (node.op == "Constant" && domain.empty()) {
            OCTET_ASSIGN(Tensor tensor, constant_of(proto));
            if (proto.output_size() != 1)
                return fail(ErrorCode::invalid_model, "it has {} outputs", proto.output_size());
            return declare(proto.output(0), graph_.add_constant(proto.output(0), std::move(tensor)));
        }
        for (const std::string& output : proto.output()) {
            if (output.empty()) {
                node.outputs.push_back(no_value);
                continue;
            }
            const ValueId id = graph_.add_value(output);
            OCTET_TRY(declare(output, id));
            node.outputs.push_back(id);
        }
        while (!node.outputs.empty() && node.outputs.back() == no_value) node.outputs.pop_back();
        if (node.outputs.empty()) return fail(ErrorCode::invalid_model, "it has no output");
        nodes_.push_back(std::move(node));
        protos_.push_back(&proto);
        return {};
    }

    Result<Tensor> constant_of(const onnx_schema::NodeProto& proto) const {
        for (const auto& attribute : proto.attribute()) {
            if (attribute.name() == "value") return decode(attribute.t(), folder_);
            if (attribute.name() == "value_float") return Tensor::scalar(attribute.f());
            if (attribute.name() == "value_int") return Tensor::scalar(attribute.i());
            if (attribute.name() == "value_floats") {
                const std::vector<float> values(attribute.floats().begin(), attribute.floats().end());
                return Tensor::from<float>({attribute.floats_size()}, values);
            }
            if (attribute.name() == "value_ints") {
                const std::vector<std::int64_t> values(attribute.ints().begin(), attribute.ints().end());
                return Tensor::from<std::int64_t>({attribute.ints_size()}, values);
            }
            return fail(ErrorCode::unsupported, "constants given as '{}' are not supported", attribute.name());
        }
        return fail(ErrorCode::invalid_model, "it has no value");
    }

    Result<void> add_attribute(const onnx_schema::AttributeProto& proto, Node& node) const {
        switch (type_of(proto)) {
            case type_float:
                node.attributes.set(proto.name(), proto.f());
                return {};
            case type_int:
                node.attributes.set(proto.name(), proto.i());
                return {};
            case type_string:
                node.attributes.set(proto.name(), proto.s());
                return {};
            case type_floats:
                node.attributes.set(proto.name(), std::vector<float>(proto.floats().begin(), proto.floats().end()));
                return {};
            case type_ints:
                node.attributes.set(proto.name(), std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end()));
                return {};
            case type_tensor: {
                auto tensor = decode(proto.t(), folder_);
                if (!tensor) return at(fmt::format("attribute '{}'", proto.name()), std::move(tensor).error());
                node.attributes.set(proto.name(), std::move(*tensor));
                return {};
            }
            default:
                break;
        }
        // Unknown operators are reported all at once later; their attributes (subgraphs of If and Loop) do not matter.
        if (!find_op(node.op)) return {};
        return fail(ErrorCode::unsupported, "its attribute '{}' is of a type that is not supported", proto.name());
    }

    // Files of IR version 1 leave the type away.
    static int type_of(const onnx_schema::AttributeProto& proto) {
        if (proto.has_type()) return proto.type();
        if (proto.has_f()) return type_float;
        if (proto.has_i()) return type_int;
        if (proto.has_s()) return type_string;
        if (proto.has_t()) return type_tensor;
        if (proto.floats_size() != 0) return type_floats;
        return proto.ints_size() != 0 ? type_ints : 0;
    }

    Result<void> add_node(std::size_t i) {
        Node& node = nodes_[i];
        const std::string in_file = describe(node);
        const std::size_t first = graph_.node_count();
        auto added = translate(*protos_[i], node);
        if (!added) return at(in_file, std::move(added).error());
        graph_.stand_for(first, in_file);
        return {};
    }

    Result<void> translate(const onnx_schema::NodeProto& proto, Node& node) {
        for (const std::string& input : proto.input()) {
            if (input.empty()) {
                node.inputs.push_back(no_value);
                continue;
            }
            const auto it = values_.find(input);
            if (it == values_.end()) {
                return fail(
                    ErrorCode::invalid_model,
                    "its input '{}' is neither an input of the graph, nor an initializer, nor produced by a node",
                    input);
            }
            node.inputs.push_back(it->second);
        }
        while (!node.inputs.empty() && node.inputs.back() == no_value) node.inputs.pop_back();
        for (const auto& attribute : proto.attribute()) OCTET_TRY(add_attribute(attribute, node));

        const std::string domain = default_domain(proto.domain());
        if (domain.empty() && opset_ == 0) {
            return fail(ErrorCode::invalid_model, "the model names no version of the default operator set");
        }
        if (domain.empty()) OCTET_TRY(upgrade(node, opset_, builder_));
        if (is_qoperator(domain, node.op)) return expand_qoperator(node, domain, builder_);
        // Under its full name the operator is unknown, and shape inference reports it with all the others.
        const std::string op = domain.empty() ? node.op : domain + "." + node.op;
        graph_.add_node_onto(op, node.name, std::move(node.inputs), std::move(node.outputs),
                             std::move(node.attributes));
        return {};
    }

    Result<void> add_outputs() {
        if (model_.graph().output().empty()) return fail(ErrorCode::invalid_model, "the graph has no outputs");
        for (const auto& output : model_.graph().output()) {
            const auto it = values_.find(output.name());
            if (it == values_.end()) {
                return fail(ErrorCode::invalid_model, "the graph's output '{}' is not produced by any node",
                            output.name());
            }
            graph_.outputs.push_back(it->second);
        }
        return {};
    }

    onnx_schema::ModelProto& model_;
    const std::string& folder_;
    const ImportOptions& options_;
    std::map<std::string, Shape> input_shapes_;
    int opset_ = 0;  // 0: the model does not name the default operator set
    Graph graph_;
    GraphBuilder builder_;
    std::unordered_map<std::string, ValueId> values_;
    std::vector<Node> nodes_;  // all but the Constants, with protos_ beside them
    std::vector<const onnx_schema::NodeProto*> protos_;
};

// Where a relative location in the model at `path` begins.
std::string folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

Result<Graph> import_model(onnx_schema::ModelProto& model, const std::string& name, const std::string& folder,
                           const ImportOptions& options) {
    auto graph = Importer(model, folder, options).run();
    if (!graph) return at(name, std::move(graph).error());
    return graph;
}

}  // namespace

Result<Graph> load(const std::string& path, const ImportOptions& options) {
    onnx_schema::ModelProto model;
    OCTET_TRY(parse_file(path, model, model_kind));
    return import_model(model, path, folder_of(path), options);
}

Result<Graph> parse(std::span<const std::byte> bytes, const std::string& name, const std::string& folder,
                    const ImportOptions& options) {
    onnx_schema::ModelProto model;
    auto parsed = parse_bytes(bytes, model, model_kind);
    if (!parsed) return at(name, std::move(parsed).error());
    return import_model(model, name, folder, options);
}

std::vector<std::string> model_files(const std::string& path) {
    std::vector<std::string> files{path};
    std::set<std::string> locations;
    const auto add = [&](const onnx_schema::TensorProto& tensor) {
        for (const auto& entry : tensor.external_data())
            if (entry.key() == "location" && locations.insert(entry.value()).second)
                files.push_back((std::filesystem::path(folder_of(path)) / entry.value()).string());
    };
    onnx_schema::ModelProto model;
    if (!parse_file(path, model, model_kind)) return files;
    for (const auto& tensor : model.graph().initializer()) add(tensor);
    for (const auto& node : model.graph().node())
        for (const auto& attribute : node.attribute()) add(attribute.t());
    return files;
}

}  // namespace octet::onnx
