// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace gradus {

// What went wrong, in the terms of the documented exit codes (docs/exit_codes.md): the program maps
// a kind to a code.
enum class ErrorKind {
  invalid_argument,  // a value, shape, dtype, key or command the caller gave
  not_found,         // a missing file, op, recipe or run
  bad_data,          // a file or message from outside that is corrupt, truncated or out of range
  io,                // the operating system refused: disk full, permission, short write
  out_of_memory,     // the plan or an allocation does not fit
  not_finite,        // training met NaN or Inf
  unsupported,       // legal, but this build, device or op cannot do it
  internal,          // a broken invariant of Gradus itself
};

// The one exception type of the library. The message says `[op or file:line] what, expected, got`
// and the fix when known.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Throws Error. `where` is shown in brackets when not empty.
[[noreturn]] void fail(ErrorKind kind, std::string_view where, std::string_view message);

template <class... Args>
[[noreturn]] void failf(ErrorKind kind, std::string_view where, fmt::format_string<Args...> format,
                        Args&&... args) {
  fail(kind, where, fmt::format(format, std::forward<Args>(args)...));
}

// Shortens __FILE__ to its path in the tree, for messages.
std::string source_location(const char* file, int line);

}  // namespace gradus

// For what a user can cause: GRADUS_CHECK(cond, "[op] what, expected {}, got {}", a, b). The
// message names its own place.
#define GRADUS_CHECK(condition, ...)                                                           \
  do {                                                                                         \
    if (!(condition)) ::gradus::failf(::gradus::ErrorKind::invalid_argument, "", __VA_ARGS__); \
  } while (false)

// For what only a defect of Gradus can cause: the message names file and line.
#define GRADUS_ASSERT(condition, ...)                                              \
  do {                                                                             \
    if (!(condition))                                                              \
      ::gradus::failf(::gradus::ErrorKind::internal,                               \
                      ::gradus::source_location(__FILE__, __LINE__), __VA_ARGS__); \
  } while (false)
