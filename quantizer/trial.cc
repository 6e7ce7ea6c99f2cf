#include "quantizer/trial.h"

#include <utility>

#include "engine/compile.h"
#include "graph/ops/infer.h"

namespace octet::quantizer {

Result<std::shared_ptr<const engine::Executable>> compile_trial(quant::QuantModel model,
                                                                const quant::Calibration& calibration,
                                                                const quant::QuantizeOptions& options) {
    OCTET_TRY(quant::plan_again(model, calibration, options));
    quant::LayerOptions layers = quant::layer_options(options);
    layers.weight_scale = quant::WeightScale::max;
    quant::make_layers(model, layers);
    OCTET_ASSIGN(Graph quantized, quant::to_qdq(model));
    OCTET_TRY(infer_shapes(quantized));
    return engine::compile(std::move(quantized));
}

}  // namespace octet::quantizer
