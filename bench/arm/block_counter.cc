// A plugin for QEMU's user-mode emulators (plugin API version 1) that counts how often each translated block runs.
// Written at the end to the file of the argument out=FILE, a line a block: runs, its address and its instructions, all but
// the first hexadecimal. Debian has no package with the API's header; what is used of it is declared here.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

extern "C" {
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
using qemu_plugin_id_t = std::uint64_t;
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* tb);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* tb, std::size_t index);
std::uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb* tb);
const void* qemu_plugin_insn_data(const qemu_plugin_insn* insn);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb* tb, int operation, void* counter, std::uint64_t added);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void*), void* data);

__attribute__((visibility("default"))) extern const int qemu_plugin_version;
const int qemu_plugin_version = 1;
}

namespace {

constexpr int add_operation = 0;

struct Counts {
    std::mutex mutex;
    // By address and words; a block may be translated again.
    std::map<std::pair<std::uint64_t, std::vector<std::uint32_t>>, std::unique_ptr<std::uint64_t>> blocks;
    std::string out;
};

Counts& counts() {
    static Counts all;
    return all;
}

void translated(qemu_plugin_id_t, qemu_plugin_tb* tb) {
    std::vector<std::uint32_t> words(qemu_plugin_tb_n_insns(tb));
    for (std::size_t i = 0; i < words.size(); ++i)
        std::memcpy(&words[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof words[i]);
    const std::lock_guard lock(counts().mutex);
    auto& runs = counts().blocks[{qemu_plugin_tb_vaddr(tb), words}];
    if (!runs) runs = std::make_unique<std::uint64_t>(0);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, add_operation, runs.get(), 1);
}

void finished(qemu_plugin_id_t, void*) {
    std::FILE* file = std::fopen(counts().out.c_str(), "w");
    if (file == nullptr) return;
    for (const auto& [block, runs] : counts().blocks) {
        std::fprintf(file, "%" PRIu64 " %" PRIx64, *runs, block.first);
        for (const std::uint32_t word : block.second) std::fprintf(file, " %08" PRIx32, word);
        std::fprintf(file, "\n");
    }
    std::fclose(file);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t*,
                                                                          int argc, char** argv) {
    for (int i = 0; i < argc; ++i) {
        if (std::strncmp(argv[i], "out=", 4) == 0) counts().out = argv[i] + 4;
    }
    if (counts().out.empty()) {
        std::fprintf(stderr, "block_counter: give it out=FILE\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, nullptr);
    return 0;
}
