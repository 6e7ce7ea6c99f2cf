#pragma once

// A network ready to run: an ordered list of steps over planes of one arena and float tensors. A plan is made once
// (engine/lowering.h), never changes, and may be shared by several sessions.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "graph/ir/graph.h"
#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::engine {

// Storage of one or more quantized tensors: NHWC with a halo (kernels/tensor_view.h). The inputs of a Concat are
// channel slices of the Concat's plane, so that the Concat itself costs nothing.
struct Plane {
    DType dtype = DType::uint8;  // uint8 or int16; int8 tensors are kept as uint8 with 128 added
    kernels::PlaneLayout layout;
    std::vector<std::uint8_t> halo_values;  // one for all channels, or one a channel: what convolutions read as padding
    int first_step = 0;                     // lifetime, both inclusive
    int last_step = 0;
    std::size_t offset = 0;  // in the arena
    std::size_t bytes = 0;
};

// Channels [channel, channel + channels) of a plane.
struct PlaneRef {
    int plane = -1;
    int channel = 0;
    int channels = 0;
};

// What a run works on.
struct RunState {
    std::byte* arena = nullptr;
    std::vector<std::byte*> scratch;  // one block a thread
    std::vector<Tensor> tensors;      // by ValueId: inputs, float intermediates, outputs
    ThreadPool* pool = nullptr;
    const std::vector<Plane>* planes = nullptr;

    template <typename T>
    kernels::TensorView<T> view(PlaneRef ref) const {
        const Plane& plane = (*planes)[static_cast<std::size_t>(ref.plane)];
        return kernels::view_of(reinterpret_cast<T*>(arena + plane.offset), plane.layout, ref.channel, ref.channels);
    }

    // The plane as bytes: twice as many channels where its elements are int16.
    kernels::U8View bytes(PlaneRef ref) const {
        const bool wide = (*planes)[static_cast<std::size_t>(ref.plane)].dtype == DType::int16;
        return wide ? kernels::bytes_of<std::uint8_t>(view<std::int16_t>(ref)) : view<std::uint8_t>(ref);
    }

    // The tensor `value`, to be overwritten: last run's memory when nobody else holds it any more.
    template <typename T>
    T* output(ValueId value, const Shape& shape) {
        Tensor& tensor = tensors[static_cast<std::size_t>(value)];
        if (tensor.dtype() != dtype_of<T> || tensor.shape() != shape || !tensor.raw() || tensor.shared()) {
            tensor = Tensor(dtype_of<T>, shape);
        }
        return tensor.mutable_data<T>().data();
    }
};

enum class Arithmetic {
    integer,
    border,    // float on one side: the network's input is quantized, an output dequantized
    floating,  // a float operator in the middle of the network
};

class Step {
  public:
    Step(std::string name, std::string kernel, Arithmetic arithmetic, std::int64_t macs)
        : name_(std::move(name)), kernel_(std::move(kernel)), arithmetic_(arithmetic), macs_(macs) {}
    virtual ~Step() = default;

    virtual Result<void> run(RunState& state) const = 0;
    // Planes read and written, for lifetimes.
    virtual std::vector<PlaneRef> planes() const { return {}; }
    // Tensors read, for freeing them.
    virtual std::vector<ValueId> tensors_read() const { return {}; }
    // Bytes of scratch that each thread needs.
    virtual std::size_t scratch_bytes(const std::vector<Plane>&) const { return 0; }
    // Bytes of constants that the step keeps: packed weights, tables.
    virtual std::size_t constant_bytes() const { return 0; }

    const std::string& name() const { return name_; }
    const std::string& kernel() const { return kernel_; }
    Arithmetic arithmetic() const { return arithmetic_; }
    std::int64_t macs() const { return macs_; }

  private:
    std::string name_;
    std::string kernel_;
    Arithmetic arithmetic_;
    std::int64_t macs_;
};

struct Port {
    std::string name;
    DType dtype = DType::float32;
    Shape shape;
    ValueId value = no_value;
    bool accepts_pixels = false;  // may be given as uint8 pixels, NHWC
};

struct Plan {
    kernels::CpuFeatures features;  // that its kernels may use
    std::vector<Port> inputs;
    std::vector<Port> outputs;
    std::map<std::string, std::string> metadata;
    std::vector<std::unique_ptr<Step>> steps;
    std::vector<Plane> planes;
    std::vector<std::vector<ValueId>> dead_after;  // for each step the tensors that nobody reads after it
    std::map<ValueId, Tensor> constants;           // that float steps read
    std::size_t tensor_count = 0;
    std::size_t arena_bytes = 0;
    std::size_t scratch_bytes = 0;  // for each thread

    // Names of the steps that compute in float between the network's borders; empty: integers only.
    std::vector<std::string> float_steps() const;
};

}  // namespace octet::engine
