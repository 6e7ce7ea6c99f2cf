#include "frontends/onnx/tensor_file.h"

#include "frontends/onnx/proto_file.h"
#include "frontends/onnx/tensor_codec.h"
#include "octet_onnx.pb.h"

namespace octet::onnx {

Result<Tensor> load_tensor(const std::string& path) {
    onnx_schema::TensorProto proto;
    OCTET_TRY(parse_file(path, proto, "an ONNX tensor"));
    auto tensor = decode(proto, "");
    if (!tensor) return at(path, std::move(tensor).error());
    return tensor;
}

}  // namespace octet::onnx
