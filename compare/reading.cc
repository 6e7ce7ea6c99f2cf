#include "compare/reading.h"

#include <algorithm>
#include <cmath>

#include "graph/quant/grid.h"

namespace octet::compare {
namespace {

bool is_float(DType type) {
    return type == DType::float32 || type == DType::float64;
}

Tensor with_swapped_bytes(const Tensor& tensor) {
    Tensor out = tensor;
    const std::size_t size = dtype_size(tensor.dtype());
    std::byte* bytes = out.mutable_raw();
    for (std::size_t i = 0; i < out.bytes(); i += size) std::reverse(bytes + i, bytes + i + size);
    return out;
}

// [n, c, w, h] → [n, c, h, w]
Tensor turned(const Tensor& tensor, const Shape& nchw) {
    Tensor out(tensor.dtype(), nchw);
    const std::size_t size = dtype_size(tensor.dtype());
    std::byte* to = out.mutable_raw();
    const std::int64_t h = nchw[2], w = nchw[3];
    for (std::int64_t plane = 0; plane < nchw[0] * nchw[1]; ++plane) {
        for (std::int64_t y = 0; y < h; ++y) {
            for (std::int64_t x = 0; x < w; ++x) {
                const std::byte* from = tensor.raw() + static_cast<std::size_t>(plane * h * w + x * h + y) * size;
                std::copy_n(from, size, to);
                to += size;
            }
        }
    }
    return out;
}

std::int64_t stored_elements(Layout layout, int block, const Shape& nchw) {
    std::int64_t all = 1;
    for (std::int64_t size : nchw) all *= size;
    if (nchw.size() != 4 || layout == Layout::nchw || layout == Layout::nhwc) return all;
    if (layout == Layout::nc4hw4) block = 4;
    return nchw[0] * ((nchw[1] + block - 1) / block) * block * nchw[2] * nchw[3];
}

}  // namespace

std::string words(const Reading& reading) {
    std::string text;
    for (const char* c = layout_names[static_cast<std::size_t>(reading.layout)]; *c != 0; ++c)
        text += static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
    if (reading.layout == Layout::nc1hwc2) text += fmt::format(" with blocks of {}", reading.block);
    if (reading.turned) text += ", rows and columns exchanged";
    if (reading.swapped) text += ", the bytes of each value in the other order";
    switch (reading.scaling) {
        case Scaling::integers:
            return text + ", integers as they are";
        case Scaling::flipped:
            return text + ", integers 128 apart (u8 = s8 + 128)";
        case Scaling::real:
            return text + ", real values";
        case Scaling::stored:
            return text + ", integers written as float";
        case Scaling::centred:
            return text + ", integers without their zero point";
    }
    return text;
}

Result<Tensor> read_as(const Tensor& stored, const Reading& reading, const Grid* grid, const Shape& nchw) {
    Tensor values = reading.swapped ? with_swapped_bytes(stored) : stored;
    if (reading.turned && nchw.size() == 4) {
        OCTET_ASSIGN(values, from_layout(values, reading.layout, reading.block, {nchw[0], nchw[1], nchw[3], nchw[2]}));
        values = turned(values, nchw);
    } else {
        OCTET_ASSIGN(values, from_layout(values, reading.layout, reading.block, nchw));
    }
    if (!grid) return values.dtype() == DType::float32 ? values : values.cast(DType::float32);
    const int low = quant::grid_min(grid->dtype), high = quant::grid_max(grid->dtype);
    if (reading.scaling == Scaling::real) {
        if (values.dtype() != DType::float32) values = values.cast(DType::float32);
        for (float v : values.data<float>()) {
            if (!std::isfinite(v)) return fail(ErrorCode::invalid_argument, "holds values that are no numbers");
        }
        return quant::quantize(values, *grid);
    }
    const bool is_signed = values.dtype() == DType::int8;
    if (reading.scaling == Scaling::flipped && dtype_size(values.dtype()) == 1 && dtype_size(grid->dtype) == 1) {
        Tensor flipped = to_signedness(values, !is_signed);
        if (flipped.dtype() == grid->dtype) return flipped;
        // The type says one thing and the values are the other.
        Tensor out(grid->dtype, nchw);
        std::transform(values.raw(), values.raw() + values.bytes(), out.mutable_raw(),
                       [](std::byte b) { return b ^ std::byte{0x80}; });
        return out;
    }
    if (reading.scaling == Scaling::integers && values.dtype() == grid->dtype) return values;
    if (reading.scaling == Scaling::integers && dtype_size(values.dtype()) == 1 && dtype_size(grid->dtype) == 1) {
        Tensor out(grid->dtype, nchw);
        std::copy_n(values.raw(), values.bytes(), out.mutable_raw());
        return out;
    }
    OCTET_ASSIGN(Tensor out, Tensor::create(grid->dtype, nchw));
    bool fits = true;
    const int add = reading.scaling == Scaling::centred   ? grid->zero_point
                    : reading.scaling == Scaling::flipped ? (low < 0 ? -128 : 128)
                                                          : 0;
    dispatch(values.dtype(), [&]<typename In>() {
        dispatch(grid->dtype, [&]<typename Out>() {
            const auto in = values.data<In>();
            const auto to = out.mutable_data<Out>();
            for (std::size_t i = 0; i < in.size(); ++i) {
                const double v = static_cast<double>(in[i]) + add;
                fits = fits && v >= low && v <= high && v == std::floor(v);
                if (fits) to[i] = static_cast<Out>(v);
            }
        });
    });
    if (!fits) return fail(ErrorCode::invalid_argument, "holds values that are no integers from {} to {}", low, high);
    return out;
}

Result<Declared> declared_reading(const DumpEntry& entry, const Tensor& stored, const Grid* grid, const Shape& nchw,
                                  std::optional<Layout> usual) {
    Declared declared;
    Reading& reading = declared.reading;
    const auto refuse = [&](const std::string& why) {
        return fail(ErrorCode::invalid_argument, "{}: {}", entry.where, why);
    };
    if (entry.shape_nchw && *entry.shape_nchw != nchw)
        return refuse(fmt::format("its shape is [{}] by the manifest, [{}] in the network",
                                  fmt::join(*entry.shape_nchw, ", "), fmt::join(nchw, ", ")));
    if (entry.shape && stored.rank() > 1 && *entry.shape != stored.shape())
        return refuse(fmt::format("its shape is [{}] by the manifest, [{}] in its file", fmt::join(*entry.shape, ", "),
                                  fmt::join(stored.shape(), ", ")));
    const Shape shape = stored.rank() > 1 ? stored.shape() : entry.shape.value_or(stored.shape());
    const bool image = nchw.size() == 4;
    if (entry.layout) {
        reading.layout = *entry.layout;
        reading.block = entry.block;
        if (*entry.layout == Layout::nc1hwc2 && shape.size() == 5) reading.block = static_cast<int>(shape[4]);
    } else if (image && shape.size() == 5) {
        reading.layout = Layout::nc1hwc2;
        reading.block = static_cast<int>(shape[4]);
    } else if (image) {
        const Shape nhwc = {nchw[0], nchw[2], nchw[3], nchw[1]};
        if (shape == nchw && shape != nhwc) {
            reading.layout = Layout::nchw;
        } else if (shape == nhwc && shape != nchw) {
            reading.layout = Layout::nhwc;
        } else {
            reading.layout = usual.value_or(Layout::nchw);
            declared.certain = usual.has_value() && shape.size() == 4;
        }
    }
    if (!image) reading.layout = Layout::nchw;
    const std::int64_t expected = stored_elements(reading.layout, reading.block, nchw);
    const bool raw = !entry.dtype && stored.rank() == 1 && stored.dtype() == DType::uint8;
    if (stored.size() != expected && !(raw && (stored.size() % expected == 0 || !entry.layout)))
        return refuse(fmt::format("it has {} values where the network's [{}] takes {} in {}", stored.size(),
                                  fmt::join(nchw, ", "), expected,
                                  layout_names[static_cast<std::size_t>(reading.layout)]));
    if (stored.rank() > 1 && image && entry.layout && shape.size() == 4) {
        const Shape nhwc = {nchw[0], nchw[2], nchw[3], nchw[1]};
        const Shape& as_named = reading.layout == Layout::nhwc ? nhwc : nchw;
        if ((reading.layout == Layout::nhwc || reading.layout == Layout::nchw) && shape != as_named && shape != nchw &&
            shape != nhwc) {
            return refuse(fmt::format("its shape is [{}]; the network's tensor is [{}] in {}", fmt::join(shape, ", "),
                                      fmt::join(as_named, ", "),
                                      layout_names[static_cast<std::size_t>(reading.layout)]));
        }
    }
    if (!grid) return declared;
    if (is_float(stored.dtype())) {
        reading.scaling = Scaling::real;
    } else if (raw && !entry.zero_point) {
        declared.certain = false;
    } else if (raw) {
        declared.certain = declared.certain && entry.zero_point == grid->zero_point;
    }
    if (is_float(stored.dtype()) || !entry.scale) {
        if (!is_float(stored.dtype()) && !raw && stored.dtype() != grid->dtype) reading.scaling = Scaling::flipped;
        return declared;
    }
    if (std::abs(*entry.scale - grid->scale) > 1e-5 * grid->scale)
        return refuse(
            fmt::format("its scale is {:.9g} by the manifest, {:.9g} in the network; is it another "
                        "network's dump, or another profile's?",
                        *entry.scale, grid->scale));
    if (!entry.zero_point) return declared;
    const int apart = std::abs(*entry.zero_point - grid->zero_point);
    if (apart != 0 && apart != 128)
        return refuse(fmt::format("its zero point is {} by the manifest, {} in the network", *entry.zero_point,
                                  grid->zero_point));
    // A manifest may say the zero point of one signedness for files of both; a file's own type tells which it is.
    const bool other_sign = raw ? apart == 128 : stored.dtype() != grid->dtype;
    reading.scaling = other_sign ? Scaling::flipped : Scaling::integers;
    return declared;
}

std::vector<Reading> possible_readings(const Tensor& stored, const Grid* grid, const Shape& nchw) {
    std::vector<Reading> layouts;
    const auto add = [&](Layout layout, int block) {
        if (stored.size() == stored_elements(layout, block, nchw))
            layouts.push_back({layout, block, false, false, Scaling::integers});
    };
    add(Layout::nchw, 1);
    if (nchw.size() == 4) {
        add(Layout::nhwc, 1);
        for (int block : {16, 8, 32, 64}) add(Layout::nc1hwc2, block);
        add(Layout::nc4hw4, 4);
        const std::size_t plain = layouts.size();
        for (std::size_t i = 0; i < plain; ++i) {
            Reading turned_one = layouts[i];
            turned_one.turned = true;
            layouts.push_back(turned_one);
        }
    }
    const std::vector<Scaling> scalings =
        !grid                             ? std::vector{Scaling::integers}
        : is_float(stored.dtype())        ? std::vector{Scaling::real, Scaling::stored, Scaling::centred}
        : dtype_size(stored.dtype()) == 1 ? std::vector{Scaling::integers, Scaling::flipped}
                                          : std::vector{Scaling::integers, Scaling::centred};
    std::vector<Reading> all;
    for (bool swapped : {false, true}) {
        if (swapped && dtype_size(stored.dtype()) == 1) continue;
        for (Scaling scaling : scalings) {
            for (Reading reading : layouts) {
                reading.swapped = swapped;
                reading.scaling = scaling;
                all.push_back(reading);
            }
        }
    }
    return all;
}

FormCause form_cause(const Reading& declared, const Reading& actual) {
    std::string id = "dump";
    if (declared.layout != actual.layout || declared.block != actual.block)
        id += fmt::format("-layout-{}", layout_names[static_cast<std::size_t>(actual.layout)]);
    if (declared.turned != actual.turned) id += "-rows-columns";
    if (declared.swapped != actual.swapped) id += "-byte-order";
    if (declared.scaling != actual.scaling) {
        const bool signs = declared.scaling == Scaling::flipped || actual.scaling == Scaling::flipped;
        id += signs ? "-signedness" : "-scaling";
    }
    return {id, fmt::format("the arithmetic is right; the file holds the values as {}, and not as {}", words(actual),
                            words(declared))};
}

}  // namespace octet::compare
