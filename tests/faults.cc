// A library to be preloaded into a program under test (LD_PRELOAD): makes one call fail that hardly ever does.
//   OCTET_FAIL_ALLOCATION=n   the n-th allocation after main() began
//   OCTET_FAIL_THREAD=n       the n-th thread and all behind it

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the C library's own names
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::atomic<bool> in_main = false;
std::atomic<long> allocations = 0, threads = 0;
long failing_allocation = 0, failing_thread = 0;  // 0: none
int (*program_main)(int, char**, char**) = nullptr;

long number(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? 0 : std::atol(text);
}

bool allocation_fails() {
    if (!in_main || ++allocations != failing_allocation) return false;
    errno = ENOMEM;
    return true;
}

int counted_main(int count, char** arguments, char** environment) {
    failing_allocation = number("OCTET_FAIL_ALLOCATION");
    failing_thread = number("OCTET_FAIL_THREAD");
    in_main = true;
    const int code = program_main(count, arguments, environment);
    in_main = false;
    return code;
}

template <typename Function>
Function next(Function, const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
    return allocation_fails() ? nullptr : __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    return allocation_fails() ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) noexcept {
    return size != 0 && allocation_fails() ? nullptr : __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return allocation_fails() ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    *memory = allocation_fails() ? nullptr : __libc_memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* context) noexcept {
    if (failing_thread != 0 && ++threads >= failing_thread) return EAGAIN;
    return next(&pthread_create, "pthread_create")(thread, attributes, body, context);
}

int __libc_start_main(int (*main)(int, char**, char**), int count, char** arguments, void (*init)(), void (*fini)(),
                      void (*unload)(), void* stack_end) {
    program_main = main;
    return next(&__libc_start_main, "__libc_start_main")(counted_main, count, arguments, init, fini, unload, stack_end);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
