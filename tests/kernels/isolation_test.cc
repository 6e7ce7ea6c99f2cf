// The instruction-set specific object files export nothing weak: a template or inline function compiled there could be
// picked by the linker for a CPU without those instructions.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace octet::kernels {
namespace {

TEST(Isolation, instruction_set_files_export_nothing_weak) {
#if !defined(OCTET_HAVE_X86_KERNELS)
    GTEST_SKIP() << "this build has no instruction-set specific files";
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(OCTET_SANITIZED)
    GTEST_SKIP() << "sanitizers add weak symbols of their own";
#else
    const std::string objects = std::string(OCTET_BINARY_DIR) + "/kernels/CMakeFiles/octet_kernels.dir/x86_*/*.o";
    FILE* pipe = popen(("nm -C " + objects + " 2>&1").c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char line[1024];
    int symbols = 0;
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
        char address[32], kind = 0;
        if (std::sscanf(line, "%31[0-9a-f] %c", address, &kind) == 2 || std::sscanf(line, " %c ", &kind) == 1)
            ++symbols;
        const std::string text = line;
        for (const char* weak : {" W ", " V ", " w ", " v ", " u "}) {
            EXPECT_EQ(text.find(weak), std::string::npos) << text;
        }
    }
    pclose(pipe);
    EXPECT_GT(symbols, 10) << "nm found no symbols in " << objects;
#endif
}

}  // namespace
}  // namespace octet::kernels
