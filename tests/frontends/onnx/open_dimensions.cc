#include "tests/frontends/onnx/open_dimensions.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/frontends/onnx/model_builder.h"

namespace octet::onnx::testing {

void open_dimensions(const std::string& from, const std::string& shape, const std::string& to) {
    const auto bytes = read_file(from, 1 << 24);
    ASSERT_TRUE(bytes) << bytes.error().message;
    onnx_schema::ModelProto model;
    ASSERT_TRUE(model.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())));
    set_shape(*model.mutable_graph()->mutable_input(0), shape);
    const auto saved = write_file(to, model.SerializeAsString());
    ASSERT_TRUE(saved) << saved.error().message;
}

}  // namespace octet::onnx::testing
