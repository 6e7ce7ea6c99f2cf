# Toolchain file for 64-bit Arm Linux by Debian's cross compiler; scripts/build_arm64.sh uses it.
#
# OCTET_ARM64_PACKAGES: folder with arm64 packages as dpkg -x leaves them, where they are not installed.
# protoc is the build machine's; the header-only packages (CLI11, expected, nlohmann) are of every architecture.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Without -cpu: the environment variable QEMU_CPU chooses it when a test runs (cortex-a53, cortex-a76, max,sve=off).
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
if(OCTET_ARM64_PACKAGES)
    list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES OCTET_ARM64_PACKAGES)
    list(PREPEND CMAKE_PREFIX_PATH ${OCTET_ARM64_PACKAGES}/usr)
    set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${OCTET_ARM64_PACKAGES}/usr/lib/aarch64-linux-gnu")
endif()
