#include "apps/common/offload_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "apps/common/table.h"

namespace octet::apps {
namespace {

using engine::npu_emu::Offload;
using engine::npu_emu::OffloadNode;
using engine::npu_emu::OffloadPlace;
using engine::npu_emu::OffloadTensor;
using engine::npu_emu::Partition;
using Json = nlohmann::ordered_json;

std::string kibibytes(std::int64_t bytes) {
    return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
}
std::string number(std::int64_t value) {
    return value == 0 ? "-" : fmt::format("{}", value);
}
std::string counted(std::size_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}
std::string type_of(const OffloadTensor& tensor) {
    return fmt::format("{} {}", dtype_name(tensor.dtype), to_string(tensor.shape));
}

std::string place_of(const OffloadNode& node) {
    switch (node.place) {
        case OffloadPlace::npu:
            return fmt::format("npu {}", node.partition + 1);
        case OffloadPlace::cpu:
            return "cpu";
        case OffloadPlace::conversion:
            return "conversion";
    }
    return {};
}

std::string node_table(const Offload& offload) {
    Table table{{"node", "op", "result", "MACs", "weight bytes", "runs on"}, {}};
    for (const OffloadNode& node : offload.nodes) {
        table.rows.push_back({node.name, node.op, node.result ? type_of(*node.result) : "float", number(node.macs),
                              number(node.weight_bytes), place_of(node)});
    }
    return table.text();
}

std::string partition_tables(const Offload& offload) {
    Table partitions{{"partition", "nodes", "MACs", "weight bytes", "bytes in", "bytes out"}, {}};
    Table borders{{"border", "bytes", "type", "tensor"}, {}};
    for (std::size_t i = 0; i < offload.partitions.size(); ++i) {
        const Partition& partition = offload.partitions[i];
        const std::string name = fmt::format("npu {}", i + 1);
        partitions.rows.push_back({name, fmt::format("{}", partition.nodes.size()), number(partition.macs),
                                   number(partition.weight_bytes), number(partition.input_bytes),
                                   number(partition.output_bytes)});
        for (const OffloadTensor& tensor : partition.inputs)
            borders.rows.push_back({"into " + name, fmt::format("{}", tensor.bytes), type_of(tensor), tensor.name});
        for (const OffloadTensor& tensor : partition.outputs)
            borders.rows.push_back({"out of " + name, fmt::format("{}", tensor.bytes), type_of(tensor), tensor.name});
    }
    return offload.partitions.empty() ? std::string() : partitions.text() + "\n" + borders.text() + "\n";
}

Json tensor_json(const OffloadTensor& tensor) {
    return {
        {"name", tensor.name}, {"dtype", dtype_name(tensor.dtype)}, {"shape", tensor.shape}, {"bytes", tensor.bytes}};
}

Json tensors_json(const std::vector<OffloadTensor>& tensors) {
    Json list = Json::array();
    for (const OffloadTensor& tensor : tensors) list.push_back(tensor_json(tensor));
    return list;
}

}  // namespace

std::string offload_sentence(const Offload& offload, const std::string& profile) {
    const std::size_t taken = offload.count(OffloadPlace::npu), refused = offload.count(OffloadPlace::cpu);
    std::int64_t in = 0, out = 0;
    for (const Partition& partition : offload.partitions) {
        in += partition.input_bytes;
        out += partition.output_bytes;
    }
    const std::int64_t macs = offload.macs(OffloadPlace::npu), all_macs = macs + offload.macs(OffloadPlace::cpu);
    const std::string share = all_macs == 0
                                  ? std::string()
                                  : fmt::format(" with {:.1f} % of {:.2f} M multiply-accumulates",
                                                100 * static_cast<double>(macs) / static_cast<double>(all_macs),
                                                static_cast<double>(all_macs) / 1e6);
    std::string text = fmt::format("{} takes {} of {}{}", profile, taken, counted(taken + refused, "node"), share);
    if (!offload.largest) return text + ".";
    return text +
           fmt::format(" in {}: {} go in and {} out; weights {}, arena {} ({} needed at once), largest tensor {} ({}).",
                       counted(offload.partitions.size(), "partition"), kibibytes(in), kibibytes(out),
                       kibibytes(offload.weight_bytes), kibibytes(offload.arena_bytes), kibibytes(offload.peak_bytes),
                       kibibytes(offload.largest->bytes), offload.largest->name);
}

std::string offload_text(const Offload& offload, const std::string& profile, bool summary_only) {
    std::string text;
    if (!summary_only) text += node_table(offload) + "\n";
    text += partition_tables(offload);
    auto out = std::back_inserter(text);
    for (const std::string& rewrite : offload.rewrites) fmt::format_to(out, "rewritten: {}\n", rewrite);
    // Many nodes have one reason.
    std::vector<std::pair<std::string, std::vector<const OffloadNode*>>> refusals;
    for (const OffloadNode& node : offload.nodes) {
        if (node.place != OffloadPlace::cpu) continue;
        auto same = std::find_if(refusals.begin(), refusals.end(),
                                 [&](const auto& refusal) { return refusal.first == node.reason; });
        if (same == refusals.end()) same = refusals.insert(same, {node.reason, {}});
        same->second.push_back(&node);
    }
    for (const auto& [reason, nodes] : refusals) {
        fmt::format_to(out, "refused: {}\n", reason);
        for (const OffloadNode* node : nodes) fmt::format_to(out, "    '{}' ({})\n", node->name, node->op);
    }
    if (!text.empty() && !text.ends_with("\n\n")) text += "\n";
    return text + offload_sentence(offload, profile) + "\n";
}

Json offload_json(const Offload& offload) {
    Json nodes = Json::array(), partitions = Json::array();
    for (const OffloadNode& node : offload.nodes) {
        Json entry = {{"name", node.name},
                      {"op", node.op},
                      {"nodes", node.fused},
                      {"runs_on", node.place == OffloadPlace::npu   ? "npu"
                                  : node.place == OffloadPlace::cpu ? "cpu"
                                                                    : "conversion"},
                      {"macs", node.macs},
                      {"weight_bytes", node.weight_bytes}};
        if (node.place == OffloadPlace::npu) entry["partition"] = node.partition;
        if (node.place == OffloadPlace::cpu) entry["reason"] = node.reason;
        entry["result"] = node.result ? tensor_json(*node.result) : Json();
        nodes.push_back(std::move(entry));
    }
    for (const Partition& partition : offload.partitions) {
        Json names = Json::array();
        for (std::size_t i : partition.nodes) names.push_back(offload.nodes[i].name);
        partitions.push_back({{"nodes", std::move(names)},
                              {"macs", partition.macs},
                              {"weight_bytes", partition.weight_bytes},
                              {"input_bytes", partition.input_bytes},
                              {"output_bytes", partition.output_bytes},
                              {"inputs", tensors_json(partition.inputs)},
                              {"outputs", tensors_json(partition.outputs)}});
    }
    return {{"taken", offload.count(OffloadPlace::npu)},
            {"refused", offload.count(OffloadPlace::cpu)},
            {"conversions", offload.count(OffloadPlace::conversion)},
            {"taken_macs", offload.macs(OffloadPlace::npu)},
            {"refused_macs", offload.macs(OffloadPlace::cpu)},
            {"weight_bytes", offload.weight_bytes},
            {"arena_bytes", offload.arena_bytes},
            {"peak_bytes", offload.peak_bytes},
            {"largest_tensor", offload.largest ? tensor_json(*offload.largest) : Json()},
            {"rewrites", offload.rewrites},
            {"partitions", std::move(partitions)},
            {"nodes", std::move(nodes)}};
}

}  // namespace octet::apps
