# Flags and helpers shared by every target.

add_library(octet_flags INTERFACE)
target_include_directories(octet_flags INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/octet>)
target_compile_features(octet_flags INTERFACE cxx_std_20)
# Warnings are for this project's files, not for those of a project that uses its targets.
target_compile_options(octet_flags INTERFACE
    "$<BUILD_INTERFACE:-Wall;-Wextra;-Wshadow;-Wconversion;-Wno-sign-conversion;$<$<BOOL:${OCTET_WERROR}>:-Werror>>")
# No contraction of a product and a sum into one rounding: the reference rounds twice, and so must everybody.
target_compile_options(octet_flags INTERFACE $<BUILD_INTERFACE:-ffp-contract=off>)
if(OCTET_SANITIZE)
    # GCC's instrumentation hides where a variable is set: it warns of the standard library's own code.
    target_compile_options(octet_flags INTERFACE -fsanitize=${OCTET_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_options(octet_flags INTERFACE -fsanitize=${OCTET_SANITIZE})
endif()

# octet_library(NAME [LINK targets…]): a static library of every .cc file directly in this folder and in the sub-folders
# named by DIRS.
function(octet_library NAME)
    cmake_parse_arguments(ARG "" "" "LINK;DIRS" ${ARGN})
    file(GLOB SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
    foreach(DIR ${ARG_DIRS})
        file(GLOB DIR_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${DIR}/*.cc)
        list(APPEND SOURCES ${DIR_SOURCES})
    endforeach()
    if(SOURCES)
        add_library(${NAME} STATIC ${SOURCES})
        target_link_libraries(${NAME} PUBLIC octet_flags ${ARG_LINK})
    else()
        add_library(${NAME} INTERFACE)
        target_link_libraries(${NAME} INTERFACE octet_flags ${ARG_LINK})
    endif()
endfunction()
