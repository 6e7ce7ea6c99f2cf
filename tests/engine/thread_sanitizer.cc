// Vector kernels may read max_overread_bytes behind what they use (kernels/tensor_view.h). Where input and output are
// channels of one plane, another thread may be writing there; what was read is thrown away. Two writers stay an error.

#if defined(__SANITIZE_THREAD__)
// The sanitizer, a shared library, asks for it.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() {
    return "race_top:_mm*_load\n";
}
#endif
