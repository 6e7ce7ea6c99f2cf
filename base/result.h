#pragma once

// Errors as values, at file, model and command-line borders.
//
// A message says what went wrong, where (file, node), why, and what to do about it.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace octet {

enum class ErrorCode {
    invalid_argument,  // the caller asked for something impossible
    invalid_model,     // the model contradicts itself or the specification
    unsupported,       // valid, but outside of what octet implements
    io,                // a file cannot be read or written
    out_of_range,      // a size exceeds what octet is willing to allocate or index
    conflict,          // what is asked for contradicts itself or the input: an output would replace what is read
};

struct Error {
    ErrorCode code = ErrorCode::invalid_argument;
    std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

template <typename... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// Prepends where an error happened: "model.onnx: node 'conv1': <message>".
inline tl::unexpected<Error> at(const std::string& where, Error error) {
    error.message = where + ": " + error.message;
    return tl::unexpected<Error>(std::move(error));
}

// Evaluates a Result<void> expression and returns its error from the enclosing function.
#define OCTET_TRY(expression)                                                     \
    do {                                                                          \
        if (auto octet_try_ = (expression); !octet_try_) {                        \
            return tl::unexpected<::octet::Error>(std::move(octet_try_).error()); \
        }                                                                         \
    } while (false)

#define OCTET_JOIN_(a, b) a##b
#define OCTET_JOIN(a, b) OCTET_JOIN_(a, b)

// OCTET_ASSIGN(auto x, expression): x takes the value of a Result, or its error is returned.
#define OCTET_ASSIGN(declaration, expression) \
    OCTET_ASSIGN_(OCTET_JOIN(octet_result_, __LINE__), declaration, expression)
#define OCTET_ASSIGN_(name, declaration, expression)                           \
    auto name = (expression);                                                  \
    if (!name) return tl::unexpected<::octet::Error>(std::move(name).error()); \
    declaration = std::move(*name)

}  // namespace octet
