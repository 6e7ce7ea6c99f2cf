#pragma once

// Which activation a loop has, told to the compiler. In an unnamed namespace on purpose: each instruction set's file
// compiles a private copy.

#include "kernels/requantize.h"

namespace octet::kernels {
namespace {

template <Activation kind>
struct ActivationOf {
    static constexpr Activation value = kind;
};

// body(ActivationOf<kind>{}): a loop inside it has no branch on the activation.
template <typename Body>
OCTET_INLINE auto for_activation(Activation activation, Body body) {
    switch (activation) {
        case Activation::none:
            return body(ActivationOf<Activation::none>{});
        case Activation::relu:
            return body(ActivationOf<Activation::relu>{});
        case Activation::leaky:
            return body(ActivationOf<Activation::leaky>{});
        case Activation::prelu:
            return body(ActivationOf<Activation::prelu>{});
        case Activation::clip:
            return body(ActivationOf<Activation::clip>{});
        case Activation::hardswish:
            return body(ActivationOf<Activation::hardswish>{});
        case Activation::table:
            return body(ActivationOf<Activation::table>{});
        case Activation::gated:
            return body(ActivationOf<Activation::gated>{});
    }
    __builtin_unreachable();
}

}  // namespace
}  // namespace octet::kernels
