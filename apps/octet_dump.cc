// octet-dump MODEL -o OUT: every tensor of a run, as integers, in the layouts of runtimes and chips.

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/common/c_header.h"
#include "apps/common/cli.h"
#include "apps/common/model_options.h"
#include "apps/common/network.h"
#include "apps/common/network_inputs.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json_text.h"
#include "compare/tensor_layout.h"
#include "engine/session.h"
#include "frontends/npy.h"
#include "frontends/npz.h"
#include "graph/quant/grid.h"

namespace octet::apps {
namespace {

constexpr const char* program = "octet-dump";

struct Options {
    std::string model;
    onnx::ImportOptions sizes;
    engine::CompileOptions compile;
    InputOptions input;
    std::string out, format, layout = "nchw", type = "as-file", header;
    std::vector<std::string> layers;
    int block = 16, threads = 0;
    bool dequantize = false;
};

void declare(CLI::App& app, Options& options) {
    add_model_option(app, options.model);
    add_input_options(app, options.input);
    app.add_option("-o,--output", options.out, "An npz file, or a folder for npy or raw; with --c-header the header")
        ->required();
    app.add_option("--format", options.format, "npz, npy or raw; otherwise npz where OUT ends in .npz, else npy")
        ->check(CLI::IsMember({"npz", "npy", "raw"}));
    app.add_option("--layers", options.layers,
                   "Only tensors whose names, or whose nodes' names, match; may be repeated")
        ->type_name("GLOB")
        ->allow_extra_args(false);
    app.add_option("--type", options.type, "Of 8-bit tensors: u8 = s8 + 128")
        ->check(CLI::IsMember({"as-file", "u8", "s8"}))
        ->capture_default_str();
    app.add_option("--layout", options.layout, "nchw, nhwc, nc1hwc2 or nc4hw4")
        ->check(CLI::IsMember({"nchw", "nhwc", "nc1hwc2", "nc4hw4"}))
        ->capture_default_str();
    app.add_option("--c2", options.block, "Channels of a block of nc1hwc2")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    app.add_flag("--dequantize", options.dequantize, "Real values, float32, instead of integers");
    app.add_option("--c-header", options.header,
                   "Only this convolution: weights, bias, multipliers, shifts, input and output as C arrays")
        ->type_name("LAYER");
    add_size_options(app, options.sizes);
    add_backend_options(app, options.compile);
    add_threads_option(app, options.threads);
    app.footer(
        "Beside an npz file stands OUT.json, in a folder manifest.json: name, operator, shape, layout, type, scale, "
        "zero\n"
        "point and digest of each tensor.\n\n"
        "Examples:\n"
        "  octet-dump model.onnx --input images=input.npy --backend npu-emu --profile tflite-double -o out.npz\n"
        "  octet-dump model.onnx --layers '*' --format raw --layout nhwc --type s8 -o folder");
}

// What the manifest says of a tensor, by the name that observers see.
struct Described {
    std::string quantized_name, node, op;
};

std::map<std::string, Described, std::less<>> describe(const engine::Program& network) {
    std::map<std::string, Described, std::less<>> all;
    for (const engine::Op& op : network.ops) {
        if (const engine::QuantId y = engine::written(op); y != engine::no_quant) {
            const engine::QuantValue& value = network.values[engine::index_of(y)];
            all[value.name] = {value.quantized_name, op.name, engine::kind_of(op)};
        }
        for (ValueId id : engine::tensors_written(op)) {
            if (id != no_value)
                all[network.tensors[static_cast<std::size_t>(id)].name] = {"", op.name, engine::kind_of(op)};
        }
    }
    return all;
}

bool matches(const std::vector<std::string>& globs, std::initializer_list<std::string_view> names) {
    if (globs.empty()) return true;
    return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
        return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
            return !name.empty() && ::fnmatch(glob.c_str(), std::string(name).c_str(), 0) == 0;
        });
    });
}

// Writes tensors as they come.
class Dump {
  public:
    static Result<Dump> create(const Options& options, std::string format) {
        Dump dump(options, std::move(format));
        if (dump.format_ == "npz") {
            OCTET_ASSIGN(auto archive, NpzWriter::create(options.out));
            dump.archive_.emplace(std::move(archive));
        }
        return dump;
    }

    Result<void> add(const engine::TensorInfo& info, const Described& described) {
        Tensor tensor = info.values;
        const Grid grid = info.grid ? *info.grid : Grid{};
        int zero_point = grid.zero_point;
        if (info.grid && options_.dequantize) {
            tensor = quant::dequantize(tensor, grid);
            zero_point = 0;
        } else if (info.grid && options_.type != "as-file") {
            const DType before = tensor.dtype();
            tensor = compare::to_signedness(tensor, options_.type == "s8");
            if (before == DType::int8 && tensor.dtype() == DType::uint8) zero_point += 128;
            if (before == DType::uint8 && tensor.dtype() == DType::int8) zero_point -= 128;
        }
        const Shape nchw = tensor.shape();
        const bool image = tensor.rank() == 4;
        tensor = compare::to_layout(tensor, *compare::parse_layout(options_.layout), options_.block, zero_point);
        const std::string key = unique_key(std::string(info.name));
        const std::string file = format_ == "npz" ? key : key + (format_ == "npy" ? ".npy" : ".bin");
        const std::string path = (std::filesystem::path(options_.out) / file).string();
        const std::span bytes(reinterpret_cast<const std::uint8_t*>(tensor.raw()), tensor.bytes());
        if (archive_) {
            OCTET_TRY(archive_->add(key, tensor));
        } else if (format_ == "npy") {
            OCTET_TRY(save_npy(tensor, path));
        } else {
            OCTET_TRY(write_file(path, bytes));
        }
        nlohmann::ordered_json entry = {
            {"name", info.name},
            {"file", file},
            {"onnx", described.quantized_name.empty() ? std::string(info.name) : described.quantized_name},
            {"node", described.node},
            {"op", described.op},
            {"shape", tensor.shape()},
            {"shape_nchw", nchw},
            {"layout", image ? options_.layout : "as-file"},
            {"dtype", dtype_name(tensor.dtype())}};
        entry["scale"] = info.grid ? nlohmann::ordered_json(static_cast<double>(grid.scale)) : nlohmann::ordered_json();
        entry["zero_point"] = info.grid ? nlohmann::ordered_json(options_.dequantize ? grid.zero_point : zero_point)
                                        : nlohmann::ordered_json();
        entry["quantized"] = info.grid != nullptr && !options_.dequantize;
        entry["digest_fnv1a64"] = digest(bytes);
        tensors_.push_back(std::move(entry));
        return {};
    }

    Result<void> finish(const engine::Executable& executable) {
        if (archive_) OCTET_TRY(archive_->close());
        nlohmann::ordered_json manifest = {
            {"model", options_.model},   {"backend", options_.compile.backend}, {"profile", options_.compile.profile},
            {"layout", options_.layout}, {"rewrites", executable.rewrites()},   {"tensors", tensors_}};
        return write_file(manifest_file(options_, format_), json_text(manifest, 1) + "\n");
    }

    static std::string manifest_file(const Options& options, const std::string& format) {
        return format == "npz" ? options.out + ".json"
                               : (std::filesystem::path(options.out) / "manifest.json").string();
    }
    std::size_t tensors() const { return tensors_.size(); }

  private:
    Dump(const Options& options, std::string format) : options_(options), format_(std::move(format)) {}

    // "/c1/Conv_output_0" → "c1__Conv_output_0"; another tensor's name gets a number behind it.
    std::string unique_key(const std::string& name) {
        std::string key;
        for (char c : name.substr(std::min(name.find_first_not_of('/'), name.size()))) {
            if (c == '/') {
                key += "__";
            } else {
                key += c;
            }
        }
        key = file_name_for(key);
        std::string unique = key;
        for (int i = 2; !keys_.insert(unique).second; ++i) unique = fmt::format("{}_{}", key, i);
        return unique;
    }

    const Options& options_;
    std::string format_;
    std::optional<NpzWriter> archive_;
    std::set<std::string> keys_;
    nlohmann::ordered_json tensors_ = nlohmann::ordered_json::array();
};

Result<ExitCode> write_header(const Options& options, engine::Session& session, const std::vector<Tensor>& inputs) {
    if (options.compile.backend != "npu-emu")
        return fail(ErrorCode::conflict, "--c-header needs --backend npu-emu and a profile whose rule has multipliers");
    const engine::Program& network = session.executable().program();
    const engine::Op* op = find_conv(network, options.header);
    if (!op)
        return fail(ErrorCode::invalid_argument,
                    "{}: no convolution on integers is named '{}'; the plan of octet-inspect lists them", options.model,
                    options.header);
    const auto& conv = std::get<engine::ConvOp>(op->form);
    std::map<std::string, Tensor, std::less<>> seen;
    const std::string x = network.values[engine::index_of(conv.x.id)].name,
                      y = network.values[engine::index_of(conv.y)].name;
    session.set_observer({.tensor = [&](const engine::TensorInfo& info) {
        if (info.grid && (info.name == x || info.name == y)) seen.insert_or_assign(std::string(info.name), info.values);
    }});
    if (auto done = session.run(inputs); !done) return at(options.model, std::move(done).error());
    OCTET_ASSIGN(const auto profile, engine::npu_emu::load_profile(options.compile.profile));
    OCTET_ASSIGN(const std::string text, conv_as_c_header(*op, network, profile, seen.at(x), seen.at(y)));
    OCTET_TRY(write_file(options.out, text));
    return exit_ok;
}

Result<ExitCode> run(const Options& options) {
    std::string format = options.format;
    if (format.empty()) format = options.out.ends_with(".npz") ? "npz" : "npy";
    std::vector<std::string> read = onnx::model_files(options.model);
    OCTET_TRY(add_input_files(options.input, read));
    std::vector<std::string> written = {options.out};
    if (options.header.empty() && format == "npz") written.push_back(options.out + ".json");
    if (options.header.empty() && format != "npz") written = {Dump::manifest_file(options, format)};
    OCTET_TRY(check_outputs(written, read));

    engine::CompileOptions compile = options.compile;
    compile.observable = true;
    OCTET_ASSIGN(const auto executable, load_network(program, options.model, options.sizes, compile));
    auto session = engine::Session::create(executable, {.threads = options.threads});
    if (!session) return at(options.model, std::move(session).error());
    OCTET_ASSIGN(const std::vector<Tensor> inputs, make_inputs(session->inputs(), options.input, options.model));
    if (!options.header.empty()) return write_header(options, *session, inputs);

    OCTET_ASSIGN(Dump dump, Dump::create(options, format));
    const auto described = describe(executable->program());
    Result<void> state;
    session->set_observer({.tensor = [&](const engine::TensorInfo& info) {
        if (!state) return;
        const auto found = described.find(info.name);
        const Described what = found == described.end() ? Described{} : found->second;
        if (matches(options.layers, {info.name, what.quantized_name, what.node})) state = dump.add(info, what);
    }});
    if (auto done = session->run(inputs); !done) return at(options.model, std::move(done).error());
    OCTET_TRY(state);
    if (dump.tensors() == 0)
        return fail(ErrorCode::invalid_argument, "{}: no tensor matches --layers {}", options.model,
                    fmt::join(options.layers, " --layers "));
    OCTET_TRY(dump.finish(*executable));
    if (!is_quiet()) fmt::print("{} tensors: {}\n", dump.tensors(), options.out);
    return exit_ok;
}

int run_main(int argc, char** argv) {
    CLI::App app("Runs a network once and writes every tensor", program);
    Options options;
    declare(app, options);
    return run_program(app, argc, argv, [&] { return run(options); });
}

}  // namespace
}  // namespace octet::apps

int main(int argc, char** argv) {
    return octet::apps::guarded_main(argc, argv, octet::apps::run_main);
}
