// SPDX-License-Identifier: BSD-3-Clause
//
// Result: the return type of functions that may fail. An Error says in one line what failed, on
// which value, and what to do about it; `code` is for callers that branch on it.
#pragma once

#include <boost/system/result.hpp>
#include <cerrno>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "vdev/os/text.hpp"

namespace bellwire {

struct Error {
  std::error_code code;
  std::string message;
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Writes the message, as a failing check of a test shows it.
std::ostream& operator<<(std::ostream& out, const Error& error);

/// The same for a result, whatever its value is: `CHECK(result)` of doctest compiles.
template <class T>
std::ostream& operator<<(std::ostream& out, const Result<T>& result) {
  return out << (result ? Error{{}, "a value"} : result.error());
}

/// Thrown by Result::value() when there is no value.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::system_error(error.code, error.message);
}

/// An error of our own: the message is complete.
template <class... Args>
Error fault(std::errc code, fmt::format_string<Args...> format, Args&&... args) {
  return {std::make_error_code(code), text(format, std::forward<Args>(args)...)};
}

/// An error of the system: the message, followed by errno's description.
template <class... Args>
Error system_fault(fmt::format_string<Args...> format, Args&&... args) {
  const std::error_code code(errno, std::system_category());
  return {code, text(format, std::forward<Args>(args)...) + ": " + code.message()};
}

}  // namespace bellwire
