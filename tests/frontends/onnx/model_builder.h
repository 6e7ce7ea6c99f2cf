#pragma once

// Small ONNX models made in the test itself.

#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "frontends/onnx/importer.h"
#include "octet_onnx.pb.h"
#include "tests/temporary_folder.h"

namespace octet::onnx::testing {

inline constexpr int float32 = 1, uint8 = 2, int8 = 3, int32 = 6, int64 = 7;

// "Nx3x?x64": a name or a ? for what is open; "" for no shape at all.
inline void set_shape(onnx_schema::ValueInfoProto& port, const std::string& text) {
    auto& type = *port.mutable_type()->mutable_tensor_type();
    type.clear_shape();
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, 'x');) {
        auto& dimension = *type.mutable_shape()->add_dim();
        if (word.find_first_not_of("-0123456789") == std::string::npos)
            dimension.set_dim_value(std::stoll(word));
        else if (word != "?")
            dimension.set_dim_param(word);
    }
}

class ModelBuilder {
  public:
    explicit ModelBuilder(int opset = 13, int ir_version = 8) {
        model.set_ir_version(ir_version);
        model.add_opset_import()->set_version(opset);
        graph().set_name("test");
    }

    onnx_schema::GraphProto& graph() { return *model.mutable_graph(); }

    ModelBuilder& input(const std::string& name, const Shape& shape, int type = float32) {
        port(*graph().add_input(), name, shape, type);
        return *this;
    }
    ModelBuilder& output(const std::string& name) {
        graph().add_output()->set_name(name);
        return *this;
    }
    onnx_schema::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs, const std::string& name = "") {
        auto& proto = *graph().add_node();
        proto.set_op_type(op);
        if (!name.empty()) proto.set_name(name);
        for (const auto& in : inputs) proto.add_input(in);
        for (const auto& out : outputs) proto.add_output(out);
        return proto;
    }
    onnx_schema::TensorProto& floats(const std::string& name, const Shape& shape, const std::vector<float>& values) {
        auto& proto = tensor(name, shape, float32);
        proto.mutable_float_data()->Assign(values.begin(), values.end());
        return proto;
    }
    onnx_schema::TensorProto& integers(const std::string& name, const Shape& shape,
                                       const std::vector<std::int64_t>& values) {
        auto& proto = tensor(name, shape, int64);
        proto.mutable_int64_data()->Assign(values.begin(), values.end());
        return proto;
    }
    // Of a type that lies in int32_data.
    onnx_schema::TensorProto& small(const std::string& name, const Shape& shape, const std::vector<int>& values,
                                    int type) {
        auto& proto = tensor(name, shape, type);
        proto.mutable_int32_data()->Assign(values.begin(), values.end());
        return proto;
    }
    onnx_schema::TensorProto& tensor(const std::string& name, const Shape& shape, int type) {
        auto& proto = *graph().add_initializer();
        proto.set_name(name);
        proto.set_data_type(type);
        for (const std::int64_t dimension : shape) proto.add_dims(dimension);
        return proto;
    }

    std::string bytes() const { return model.SerializeAsString(); }
    Result<Graph> parse(const ImportOptions& options = {}, const std::string& folder = "") const {
        const std::string serialized = bytes();
        return onnx::parse(std::as_bytes(std::span(serialized)), "test.onnx", folder, options);
    }

    static void port(onnx_schema::ValueInfoProto& proto, const std::string& name, const Shape& shape, int type) {
        proto.set_name(name);
        auto& tensor_type = *proto.mutable_type()->mutable_tensor_type();
        tensor_type.set_elem_type(type);
        tensor_type.mutable_shape();
        for (const std::int64_t dimension : shape) tensor_type.mutable_shape()->add_dim()->set_dim_value(dimension);
    }

    onnx_schema::ModelProto model;
};

inline void attribute(onnx_schema::NodeProto& node, const std::string& name, std::int64_t value) {
    auto& proto = *node.add_attribute();
    proto.set_name(name);
    proto.set_type(2);
    proto.set_i(value);
}
inline void attribute(onnx_schema::NodeProto& node, const std::string& name, float value) {
    auto& proto = *node.add_attribute();
    proto.set_name(name);
    proto.set_type(1);
    proto.set_f(value);
}
inline void attribute(onnx_schema::NodeProto& node, const std::string& name, const std::vector<float>& values) {
    auto& proto = *node.add_attribute();
    proto.set_name(name);
    proto.set_type(6);
    proto.mutable_floats()->Assign(values.begin(), values.end());
}
inline void attribute(onnx_schema::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
    auto& proto = *node.add_attribute();
    proto.set_name(name);
    proto.set_type(7);
    proto.mutable_ints()->Assign(values.begin(), values.end());
}
inline void attribute(onnx_schema::NodeProto& node, const std::string& name, const std::string& value) {
    auto& proto = *node.add_attribute();
    proto.set_name(name);
    proto.set_type(3);
    proto.set_s(value);
}

// The operators of the graph in topological order, e.g. "Slice Slice Concat".
inline std::string operators(const Graph& graph) {
    std::string list;
    for (const NodeId id : graph.topological_order()) list += (list.empty() ? "" : " ") + graph.node(id).op;
    return list;
}

void write_text(const std::string& path, const std::string& text);

}  // namespace octet::onnx::testing
