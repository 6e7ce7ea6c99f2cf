#include "frontends/onnx/exporter.h"

#include <algorithm>
#include <limits>

#include "base/file.h"
#include "frontends/onnx/lower.h"
#include "frontends/onnx/opset.h"
#include "frontends/onnx/tensor_codec.h"
#include "octet_onnx.pb.h"

namespace octet::onnx {
namespace {

// The IR version that came with graph_opset.
constexpr int ir_version = 10;

struct AttributeWriter {
    onnx_schema::AttributeProto& proto;

    void operator()(std::int64_t value) const {
        proto.set_type(type_int);
        proto.set_i(value);
    }
    void operator()(float value) const {
        proto.set_type(type_float);
        proto.set_f(value);
    }
    void operator()(const std::string& value) const {
        proto.set_type(type_string);
        proto.set_s(value);
    }
    void operator()(const std::vector<std::int64_t>& values) const {
        proto.set_type(type_ints);
        proto.mutable_ints()->Assign(values.begin(), values.end());
    }
    void operator()(const std::vector<float>& values) const {
        proto.set_type(type_floats);
        proto.mutable_floats()->Assign(values.begin(), values.end());
    }
    void operator()(const Tensor& value) const {
        proto.set_type(type_tensor);
        encode(value, *proto.mutable_t());
    }
};

class Exporter {
  public:
    explicit Exporter(const Graph& graph) : graph_(graph) {}

    Result<std::string> run() {
        model_.set_ir_version(ir_version);
        model_.set_producer_name("octet");
        model_.add_opset_import()->set_version(graph_opset);
        for (const auto& [key, value] : graph_.metadata) {
            auto* entry = model_.add_metadata_props();
            entry->set_key(key);
            entry->set_value(value);
        }
        to_.set_name(graph_.name.empty() ? "octet" : graph_.name);
        for (const ValueId id : graph_.inputs) OCTET_TRY(write_port(id, *to_.add_input()));
        for (const ValueId id : graph_.outputs) OCTET_TRY(write_port(id, *to_.add_output()));
        for (const NodeId id : graph_.topological_order()) write_node(graph_.node(id));
        write_constants();
        if (model_.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
            return fail(ErrorCode::out_of_range, "the model would have {} bytes, an ONNX file has 2 GB at the most",
                        model_.ByteSizeLong());
        }
        return model_.SerializeAsString();
    }

  private:
    Result<void> write_port(ValueId id, onnx_schema::ValueInfoProto& proto) const {
        const Value& value = graph_.value(id);
        if (!value.shape) return fail(ErrorCode::invalid_model, "the shape of '{}' is not known", value.name);
        proto.set_name(value.name);
        auto& type = *proto.mutable_type()->mutable_tensor_type();
        type.set_elem_type(code_of(value.dtype));
        type.mutable_shape();  // present for scalars too
        for (const std::int64_t dimension : *value.shape) type.mutable_shape()->add_dim()->set_dim_value(dimension);
        return {};
    }

    std::string name_of(ValueId id) const { return id == no_value ? std::string() : graph_.value(id).name; }

    void write_node(const Node& node) {
        auto& proto = *to_.add_node();
        proto.set_op_type(node.op);
        proto.set_name(node.name);
        for (const ValueId input : node.inputs) proto.add_input(name_of(input));
        for (const ValueId output : node.outputs) proto.add_output(name_of(output));
        for (const auto& [name, value] : node.attributes) {
            auto& attribute = *proto.add_attribute();
            attribute.set_name(name);
            std::visit(AttributeWriter{attribute}, value);
        }
    }

    void write_constants() {
        const auto readers = graph_.consumers();
        for (std::size_t i = 0; i < graph_.value_count(); ++i) {
            const auto id = static_cast<ValueId>(i);
            const Tensor* constant = graph_.constant(id);
            if (!constant || graph_.value(id).removed || (readers[i].empty() && !graph_.is_output(id))) continue;
            auto& proto = *to_.add_initializer();
            proto.set_name(graph_.value(id).name);
            encode(*constant, proto);
        }
    }

    const Graph& graph_;
    onnx_schema::ModelProto model_;
    onnx_schema::GraphProto& to_ = *model_.mutable_graph();
};

}  // namespace

Result<void> save(const Graph& graph, const std::string& path) {
    auto lowered = lower_to_standard(graph);
    if (!lowered) return at(path, std::move(lowered).error());
    auto bytes = Exporter(*lowered).run();
    if (!bytes) return at(path, std::move(bytes).error());
    return write_file(path, std::as_bytes(std::span(*bytes)));
}

}  // namespace octet::onnx
