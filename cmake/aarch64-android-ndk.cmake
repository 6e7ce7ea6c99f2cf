# Toolchain file for 64-bit Android by its NDK: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-android-ndk.cmake, with the
# NDK's folder in the environment variable ANDROID_NDK_ROOT and the libraries that octet needs, built for Android, in
# CMAKE_PREFIX_PATH.
#
# Untried: no NDK was at hand.
if(NOT DEFINED ENV{ANDROID_NDK_ROOT})
    message(FATAL_ERROR "ANDROID_NDK_ROOT names no folder; set it to that of the Android NDK (25 or later)")
endif()
set(ANDROID_ABI arm64-v8a)
set(ANDROID_PLATFORM android-29)
set(ANDROID_STL c++_static)
include($ENV{ANDROID_NDK_ROOT}/build/cmake/android.toolchain.cmake)
# Programs of the build machine (protoc) stay findable, libraries of CMAKE_PREFIX_PATH too.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
