#pragma once

// A program placed for this CPU: an ordered list of steps over planes of one arena and float tensors. Integers are
// those of fixed16 (kernels/requantize.h), the same on every instruction set. Made once (lowering.h), never changed,
// shared by any number of runners.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "engine/backend.h"
#include "engine/program.h"
#include "kernels/dispatch.h"
#include "kernels/tensor_view.h"

namespace octet::engine::cpu {

// Storage of one or more quantized tensors: NHWC with a halo (kernels/tensor_view.h). The inputs of a Concat are
// channel slices of the Concat's plane, so that the Concat itself costs nothing, and so are the results of a Split of
// its input's.
struct Plane {
    DType dtype = DType::uint8;  // uint8 or int16; int8 tensors are kept as uint8 with 128 added
    kernels::PlaneLayout layout;
    std::vector<std::uint8_t> halo_values;  // one for all channels, or one a channel: what convolutions read as padding
    int first_step = 0;                     // lifetime, both inclusive
    int last_step = 0;
    int images = 1;          // of a batch, one behind the other
    std::size_t offset = 0;  // in the arena
    std::size_t image_bytes = 0;

    std::size_t bytes() const { return image_bytes * static_cast<std::size_t>(images); }
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
    int image = 0;  // of the batch

    // Of this image; a plane that has one image is the same for all.
    template <typename T>
    kernels::TensorView<T> view(PlaneRef ref) const {
        const Plane& plane = (*planes)[static_cast<std::size_t>(ref.plane)];
        std::byte* const data = arena + plane.offset + (plane.images > 1 ? image * plane.image_bytes : 0);
        return kernels::view_of(reinterpret_cast<T*>(data), plane.layout, ref.channel, ref.channels);
    }

    // This image of a tensor that has as many elements for each as the view.
    template <typename T, typename Stored>
    T* image_of(T* tensor, const kernels::TensorView<Stored>& view) const {
        return tensor + std::ptrdiff_t{image} * view.h * view.w * view.c;
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

class Step {
  public:
    Step(std::string name, std::string kernel, std::int64_t macs)
        : name_(std::move(name)), kernel_(std::move(kernel)), macs_(macs) {}
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
    std::int64_t macs() const { return macs_; }

  private:
    std::string name_;
    std::string kernel_;
    std::int64_t macs_;
};

// A tensor that is whole when a step is done.
struct Completed {
    QuantId integers = no_quant;  // in `plane`
    PlaneRef plane;
    ValueId tensor = no_value;
};

// Steps [begin, end), which one image of a batch goes through after the other, so that what they hand on stays in the
// caches, and planes that nobody else reads hold one image.
struct Stretch {
    int begin = 0, end = 0;
    int images = 1;
};

struct Plan final : Executable {
    Program network;
    kernels::CpuFeatures features;  // that its kernels may use
    bool shows_tensors = false;
    std::vector<std::unique_ptr<Step>> sequence;
    std::vector<Stretch> stretches;
    std::vector<Plane> planes;
    std::vector<std::vector<ValueId>> dead_after;      // for each step the tensors that nobody reads after it
    std::vector<std::vector<Completed>> completed_by;  // for each step
    std::size_t arena_bytes = 0;
    std::size_t scratch_bytes = 0;  // for each thread

    const Program& program() const override { return network; }
    std::string level() const override { return kernels::level_name(features); }
    std::vector<StepInfo> steps() const override;
    bool observable() const override { return shows_tensors; }
    std::unique_ptr<Runner> make_runner(ThreadPool& pool) const override;
};

}  // namespace octet::engine::cpu
