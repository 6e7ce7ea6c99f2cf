#include "engine/cpu/lowering.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/arena.h"
#include "engine/cpu/border_steps.h"
#include "engine/cpu/plane_shape.h"
#include "engine/cpu/upsampling.h"

namespace octet::engine::cpu {
namespace {

class Lowering {
  public:
    Lowering(Program program, kernels::CpuFeatures features, bool observable) : plan_(std::make_shared<Plan>()) {
        plan_->network = std::move(program);
        plan_->features = features;
        plan_->shows_tensors = observable;
        const std::size_t values = network().values.size();
        refs_.resize(values);
        producers_.assign(values, nullptr);
        read_as_written_.assign(values, true);
        for (const Op& op : network().ops) {
            if (written(op) != no_quant) producers_[index_of(written(op))] = &op;
            for (const Operand* x : operands(op)) {
                if (!x->same_grid(value(x->id).grid)) read_as_written_[index_of(x->id)] = false;
            }
        }
    }

    Result<std::shared_ptr<const Plan>> run() {
        if (!plan_->shows_tensors) choose_upsampled_forms();
        OCTET_TRY(find_moves());
        find_needed();
        place_planes();
        for (const Op& op : network().ops) {
            if (!needed_.contains(&op)) continue;
            if (auto emitted = std::visit([&](const auto& form) { return emit(op, form); }, op.form); !emitted) {
                return at(fmt::format("node '{}' ({})", op.name, kind_of(op)), std::move(emitted).error());
            }
            if (plan_->shows_tensors) note_completed(op);
        }
        finish();
        return std::shared_ptr<const Plan>(std::move(plan_));
    }

  private:
    const Program& network() const { return plan_->network; }
    const QuantValue& value(QuantId id) const { return network().values[index_of(id)]; }
    const Grid& grid(QuantId id) const { return value(id).grid; }
    const Shape& shape(ValueId id) const { return network().tensors[static_cast<std::size_t>(id)].shape; }
    PlaneRef& ref(QuantId id) { return refs_[index_of(id)]; }
    PlaneShape extent(QuantId id) const { return plane_shape(image_shape(value(id))); }
    int rows(QuantId id) const { return static_cast<int>(extent(id).h); }
    Plane& plane(PlaneRef where) { return plan_->planes[static_cast<std::size_t>(where.plane)]; }

    void choose_upsampled_forms() {
        for (const Op& op : network().ops) {
            const auto* conv = std::get_if<ConvOp>(&op.form);
            if (!conv) continue;
            if (const auto concat = upsampled_concat(network(), producers_, *conv)) {
                upsampled_concats_.emplace(&op, *concat);
            } else if (const auto low = upsampled_input(producers_, *conv); low && has_upsampled_kernel(*conv)) {
                upsampled_inputs_.emplace(&op, *low);
            }
        }
    }

    // A move of what another one moved reads where that did.
    Result<void> find_moves() {
        for (const Op& op : network().ops) {
            const auto* form = std::get_if<MoveOp>(&op.form);
            if (!form) continue;
            Move move{form->x.id, {}};
            OCTET_ASSIGN(move.elements, moved_elements(*form, value(form->x.id), value(form->y)));
            const auto before = moves_.find(producers_[index_of(form->x.id)]);
            if (before != moves_.end() && form->x.same_grid(grid(form->x.id)) && !plan_->shows_tensors) {
                move.source = before->second.source;
                for (std::int32_t& element : move.elements) {
                    if (element >= 0) element = before->second.elements[static_cast<std::size_t>(element)];
                }
            }
            moves_.emplace(&op, std::move(move));
        }
        return {};
    }

    // Whether a move's result is read where its input lies: some of its channels, with the halo that all of them have.
    std::optional<int> slice_of(const Op& op, const MoveOp& form) {
        const Move& move = moves_.at(&op);
        if (ref(form.y).plane >= 0 || !read_as_written_[index_of(move.source)] || !read_as_written_[index_of(form.y)]) {
            return std::nullopt;
        }
        return channel_slice(move.elements, extent(move.source), extent(form.y));
    }

    bool has_upsampled_kernel(const ConvOp& conv) const {
        const std::vector<std::int8_t> weights = kernel_weights(conv.weights);
        return kernels::select_conv(plan_->features, conv_params(conv, true), weights.data()).needs !=
               kernels::needs::reference;
    }

    // The tensors that an operator's chosen form reads.
    std::vector<QuantId> reads(const Op& op) const {
        std::vector<QuantId> ids;
        for (const Operand* x : operands(op)) ids.push_back(x->id);
        if (const auto concat = upsampled_concats_.find(&op); concat != upsampled_concats_.end()) {
            ids[0] = concat->second.low;
            ids.push_back(concat->second.full);
        } else if (const auto low = upsampled_inputs_.find(&op); low != upsampled_inputs_.end()) {
            ids[0] = low->second;
        } else if (const auto move = moves_.find(&op); move != moves_.end()) {
            ids[0] = move->second.source;
        }
        return ids;
    }

    // Copies that only upsampled forms would have read are not made.
    void find_needed() {
        std::vector<bool> read(network().values.size(), false);
        for (auto op = network().ops.rbegin(); op != network().ops.rend(); ++op) {
            const QuantId y = written(*op);
            if (y != no_quant && !read[index_of(y)]) continue;
            needed_.insert(&*op);
            for (QuantId id : reads(*op)) read[index_of(id)] = true;
        }
    }

    // ---- where tensors lie

    void place_planes() {
        // A Concat comes before its inputs here, so that they find their slices reserved.
        for (auto op = network().ops.rbegin(); op != network().ops.rend(); ++op) {
            const QuantId y = written(*op);
            if (y == no_quant || !needed_.contains(&*op)) continue;
            if (const auto* move = std::get_if<MoveOp>(&op->form)) {
                if (const auto first = slice_of(*op, *move)) {
                    slices_.emplace(&*op, *first);
                    continue;
                }
            }
            if (ref(y).plane < 0) ref(y) = add_plane(y);
            if (const auto* concat = std::get_if<ConcatOp>(&op->form)) reserve_slices(*concat);
        }
        for (const Op& op : network().ops) {
            const auto slice = slices_.find(&op);
            if (slice == slices_.end()) continue;
            const PlaneRef whole = ref(moves_.at(&op).source);
            const QuantId y = written(op);
            ref(y) = {whole.plane, whole.channel + slice->second, static_cast<int>(extent(y).c)};
        }
        widen_halos();
        for (Plane& plane : plan_->planes) {
            const int element = static_cast<int>(dtype_size(plane.dtype));
            plane.layout =
                kernels::plane_layout(plane.layout.h, plane.layout.w, plane.layout.c, plane.layout.halo, element);
            set_size(plane, element);
        }
    }

    // Images start on aligned addresses.
    static void set_size(Plane& plane, int element_bytes) {
        constexpr std::size_t align = kernels::buffer_alignment;
        const auto bytes = static_cast<std::size_t>(plane.layout.elements) * static_cast<std::size_t>(element_bytes);
        plane.image_bytes = plane.images == 1 ? bytes : (bytes + align - 1) / align * align;
        plane.first_step = -1;
    }

    PlaneRef add_plane(QuantId id) {
        const PlaneShape shape = extent(id);
        Plane plane;
        plane.dtype = grid(id).dtype == DType::int16 ? DType::int16 : DType::uint8;
        plane.layout.h = static_cast<int>(shape.h);
        plane.layout.w = static_cast<int>(shape.w);
        plane.layout.c = static_cast<int>(shape.c);
        plane.images = static_cast<int>(value(id).images);
        plan_->planes.push_back(std::move(plane));
        return {static_cast<int>(plan_->planes.size()) - 1, 0, static_cast<int>(shape.c)};
    }

    // Inputs on the Concat's grid are written straight into its plane, which has one halo: whoever reads it or a part
    // of it has to take the same integer for zero.
    void reserve_slices(const ConcatOp& concat) {
        if (plane_axis(image_shape(value(concat.y)), concat.axis) != PlaneAxis::channels) return;
        const PlaneRef whole = ref(concat.y);
        int channel = whole.channel;
        for (const Operand& x : concat.x) {
            const auto channels = static_cast<int>(extent(x.id).c);
            const bool alike = grid(x.id) == grid(concat.y) && read_as_written_[index_of(x.id)] &&
                               read_as_written_[index_of(concat.y)];
            if (alike && ref(x.id).plane < 0) ref(x.id) = {whole.plane, channel, channels};
            channel += channels;
        }
    }

    void widen_halos() {
        for (const Op& op : network().ops) {
            const auto* conv = std::get_if<ConvOp>(&op.form);
            if (!conv || !needed_.contains(&op) || upsampled_concats_.contains(&op)) continue;
            const bool upsampled = upsampled_inputs_.contains(&op);
            Plane& in = plane(ref(reads(op)[0]));
            const PlaneShape out = extent(conv->y);
            const int halo = kernels::conv_halo(conv_params(*conv, upsampled), in.layout.h, in.layout.w,
                                                static_cast<int>(out.h), static_cast<int>(out.w));
            in.layout.halo = std::max(in.layout.halo, halo);
            const std::vector<int>& zero_points = conv->x.channel_zero_points;
            in.halo_values = zero_points.empty() ? std::vector<std::uint8_t>(
                                                       1, static_cast<std::uint8_t>(unsigned_zero_point(conv->x.grid)))
                                                 : std::vector<std::uint8_t>(zero_points.begin(), zero_points.end());
        }
    }

    // Int32 sums for each pixel of a tensor.
    PlaneRef add_sums_plane(QuantId pixels, int channels) {
        Plane plane;
        plane.dtype = DType::int32;
        plane.layout = kernels::plane_layout(rows(pixels), static_cast<int>(value(pixels).shape[3]), channels, 0, 4);
        plane.images = static_cast<int>(value(pixels).images);
        set_size(plane, sizeof(std::int32_t));
        plan_->planes.push_back(std::move(plane));
        return {static_cast<int>(plan_->planes.size()) - 1, 0, channels};
    }

    // ---- steps

    Result<void> add(StepResult step) {
        if (!step) return tl::unexpected<Error>(std::move(step).error());
        const auto index = static_cast<int>(plan_->sequence.size());
        int images = 1;
        for (PlaneRef touched : (*step)->planes()) {
            images = std::max(images, plane(touched).images);
            if (plane(touched).first_step < 0) plane(touched).first_step = index;
            plane(touched).last_step = index;
        }
        plan_->scratch_bytes = std::max(plan_->scratch_bytes, (*step)->scratch_bytes(plan_->planes));
        plan_->sequence.push_back(std::move(*step));
        images_.push_back(images);
        return {};
    }

    // Where `id` is written, its halo filled.
    Result<PlaneRef> target(const Op& op, QuantId id) {
        const PlaneRef out = ref(id);
        if (plane(out).layout.halo > 0 && halo_filled_.insert(out.plane).second) {
            OCTET_TRY(add(make_halo_step(op.name, {out.plane, 0, plane(out).layout.c})));
        }
        return out;
    }

    Result<void> emit(const Op& op, const ConvOp& conv) {
        OCTET_ASSIGN(const PlaneRef out, target(op, conv.y));
        ConvPlacement placement;
        placement.out = out;
        if (conv.residual) placement.residual = ref(conv.residual->id);
        if (const auto found = upsampled_concats_.find(&op); found != upsampled_concats_.end()) {
            const UpsampledConcat& parts = found->second;
            placement.in = ref(parts.full);
            placement.upsampled_part = {ref(parts.low), add_sums_plane(parts.low, out.channels), parts.first_channel};
        } else {
            placement.in = ref(reads(op)[0]);
            placement.upsampled = upsampled_inputs_.contains(&op);
        }
        OCTET_ASSIGN(auto steps, make_conv_steps(plan_->features, op, grid(conv.y), placement));
        for (auto& step : steps) OCTET_TRY(add(std::move(step)));
        return {};
    }
    Result<void> emit(const Op& op, const BatchNormOp& norm) {
        OCTET_ASSIGN(const PlaneRef out, target(op, norm.y));
        return add(
            make_batchnorm_step(plan_->features, op.name, norm, grid(norm.y), rows(norm.y), ref(norm.x.id), out));
    }
    Result<void> emit(const Op& op, const AddOp& sum) {
        OCTET_ASSIGN(const PlaneRef out, target(op, sum.y));
        return add(
            make_add_step(plan_->features, op.name, sum, grid(sum.y), rows(sum.y), ref(sum.a.id), ref(sum.b.id), out));
    }
    Result<void> emit(const Op& op, const MulOp& mul) {
        OCTET_ASSIGN(const PlaneRef out, target(op, mul.y));
        return add(
            make_mul_step(plan_->features, op.name, mul, grid(mul.y), rows(mul.y), ref(mul.a.id), ref(mul.b.id), out));
    }
    Result<void> emit(const Op& op, const ConcatOp& concat) {
        const PlaneRef out = ref(concat.y);
        const PlaneAxis axis = *plane_axis(image_shape(value(concat.y)), concat.axis);
        int channel = out.channel, row = 0, column = 0;
        for (const Operand& x : concat.x) {
            const PlaneRef in = ref(x.id);
            const PlaneRef slice{out.plane, channel, in.channels};
            const int first_row = row, first_column = column;
            if (axis == PlaneAxis::channels) channel += in.channels;
            if (axis == PlaneAxis::rows) row += rows(x.id);
            if (axis == PlaneAxis::columns) column += static_cast<int>(extent(x.id).w);
            if (in.plane == slice.plane && in.channel == slice.channel && axis == PlaneAxis::channels)
                continue;  // written in place
            OCTET_TRY(target(op, concat.y));
            OCTET_TRY(add(make_copy_step(plan_->features, op.name, x.grid, grid(concat.y), rows(x.id), in, slice,
                                         first_row, first_column)));
        }
        return {};
    }
    Result<void> emit(const Op& op, const MaxPoolOp& pool) {
        OCTET_ASSIGN(const PlaneRef out, target(op, pool.y));
        return add(make_maxpool_step(plan_->features, op.name, pool.window, rows(pool.y), ref(pool.x.id), out));
    }
    Result<void> emit(const Op& op, const AveragePoolOp& pool) {
        OCTET_ASSIGN(const PlaneRef out, target(op, pool.y));
        return add(make_avgpool_step(plan_->features, op.name, pool, grid(pool.y), rows(pool.y), ref(pool.x.id), out));
    }
    Result<void> emit(const Op& op, const ResizeOp& resize) {
        OCTET_ASSIGN(const PlaneRef out, target(op, resize.y));
        return add(make_resize_step(plan_->features, op.name, resize, ref(resize.x.id), out));
    }
    Result<void> emit(const Op& op, const ResizeLinearOp& resize) {
        OCTET_ASSIGN(const PlaneRef out, target(op, resize.y));
        return add(make_resize_linear_step(plan_->features, op.name, resize, ref(resize.x.id), out));
    }
    Result<void> emit(const Op& op, const MoveOp& form) {
        if (slices_.contains(&op)) return {};
        OCTET_ASSIGN(const PlaneRef out, target(op, form.y));
        const Move& move = moves_.at(&op);
        const PlaneRef in = ref(move.source);
        const Grid& y = grid(form.y);
        OCTET_ASSIGN(auto tables, move_tables(move.elements, extent(move.source), extent(form.y), plane(in).layout,
                                              static_cast<int>(dtype_size(y.dtype)), zero_byte(y)));
        return add(make_move_step(plan_->features, op.name, std::move(tables), y, rows(form.y), in, out));
    }
    Result<void> emit(const Op& op, const TableOp& table) {
        OCTET_ASSIGN(const PlaneRef out, target(op, table.y));
        return add(make_table_step(plan_->features, op.name, table, rows(table.y), ref(table.x.id), out));
    }
    Result<void> emit(const Op& op, const PixelsOp& pixels) {
        OCTET_ASSIGN(const PlaneRef out, target(op, pixels.y));
        return add(make_pixels_step(plan_->features, op.name, pixels, out));
    }
    Result<void> emit(const Op& op, const QuantizeOp& quantize) {
        OCTET_ASSIGN(const PlaneRef out, target(op, quantize.y));
        return add(make_quantize_step(plan_->features, op.name, quantize.x, grid(quantize.y), rows(quantize.y), out));
    }
    Result<void> emit(const Op& op, const DequantizeOp& dequantize) {
        const Operand& x = dequantize.x;
        return add(make_dequantize_step(plan_->features, op.name, x.grid, rows(x.id), ref(x.id), dequantize.y,
                                        value(x.id).shape));
    }
    Result<void> emit(const Op& op, const SigmoidOp& sigmoid) {
        return add(make_sigmoid_step(plan_->features, op.name, sigmoid, ref(sigmoid.x.id), shape(sigmoid.y)));
    }
    Result<void> emit(const Op& op, const DetectOp& detect) {
        std::vector<PlaneRef> levels;
        for (const Operand& level : detect.levels) levels.push_back(ref(level.id));
        return add(make_detect_step(plan_->features, op.name, detect, std::move(levels), shape(detect.y)));
    }
    Result<void> emit(const Op& op, const FloatOp&) { return add(make_float_step(plan_->features, op)); }
    template <typename Form>
    Result<void> emit(const Op&, const Form&) {
        return fail(ErrorCode::unsupported, "it has no kernel");  // and was refused before
    }

    void note_completed(const Op& op) {
        plan_->completed_by.resize(plan_->sequence.size());
        if (plan_->completed_by.empty()) return;
        std::vector<Completed>& done = plan_->completed_by.back();
        if (const QuantId y = written(op); y != no_quant) done.push_back({y, ref(y), no_value});
        for (ValueId tensor : tensors_written(op)) {
            if (tensor != no_value) done.push_back({no_quant, {}, tensor});
        }
    }

    void finish() {
        std::map<ValueId, std::size_t> last_reader;
        for (std::size_t i = 0; i < plan_->sequence.size(); ++i) {
            for (ValueId id : plan_->sequence[i]->tensors_read()) {
                if (id != no_value) last_reader[id] = i;
            }
        }
        plan_->dead_after.resize(plan_->sequence.size());
        plan_->completed_by.resize(plan_->sequence.size());
        const auto& outputs = network().outputs;
        for (const auto& [id, step] : last_reader) {
            const bool output = std::any_of(outputs.begin(), outputs.end(),
                                            [read = id](const Port& port) { return port.value == read; });
            if (!output && !network().constants.contains(id)) plan_->dead_after[step].push_back(id);
        }
        form_stretches();
        std::vector<Lifetime> lifetimes;
        for (const Plane& plane : plan_->planes)
            lifetimes.push_back({plane.bytes(), plane.first_step, plane.last_step});
        const Arena arena = place(lifetimes, kernels::buffer_alignment);
        for (std::size_t i = 0; i < arena.offsets.size(); ++i) plan_->planes[i].offset = arena.offsets[i];
        plan_->arena_bytes = arena.bytes;
    }

    // An observer is shown whole batches, step by step.
    void form_stretches() {
        std::vector<Stretch>& stretches = plan_->stretches;
        for (int i = 0; i < static_cast<int>(images_.size()); ++i) {
            const int images = images_[static_cast<std::size_t>(i)];
            const bool goes_on = !stretches.empty() && stretches.back().images == images && !plan_->shows_tensors;
            if (!goes_on) stretches.push_back({i, i, images});
            stretches.back().end = i + 1;
        }
        if (plan_->shows_tensors) return;
        for (const Stretch& stretch : stretches) {
            for (Plane& plane : plan_->planes) {
                const bool touched = plane.first_step < stretch.end && stretch.begin <= plane.last_step;
                if (stretch.images == 1 || plane.first_step < 0 || !touched) continue;
                if (stretch.begin <= plane.first_step && plane.last_step < stretch.end) {
                    plane.images = 1;
                } else {
                    // What its images are to others, they are while any image goes through the stretch.
                    plane.first_step = std::min(plane.first_step, stretch.begin);
                    plane.last_step = std::max(plane.last_step, stretch.end - 1);
                }
            }
        }
    }

    std::shared_ptr<Plan> plan_;
    std::vector<PlaneRef> refs_;  // by QuantId
    Producers producers_;
    std::vector<bool> read_as_written_;  // by QuantId: all consumers have its own grid
    std::set<const Op*> needed_;
    std::map<const Op*, UpsampledConcat> upsampled_concats_;
    std::map<const Op*, QuantId> upsampled_inputs_;
    struct Move {
        QuantId source;
        std::vector<std::int32_t> elements;  // moved_elements() of the source
    };
    std::map<const Op*, Move> moves_;  // of every MoveOp
    std::map<const Op*, int> slices_;  // MoveOps whose result lies in the plane of their source, from this channel on
    std::set<int> halo_filled_;
    std::vector<int> images_;  // that each step goes through
};

}  // namespace

Result<std::shared_ptr<const Plan>> make_plan(Program program, kernels::CpuFeatures features, bool observable) {
    return Lowering(std::move(program), features, observable).run();
}

}  // namespace octet::engine::cpu
