// SPDX-License-Identifier: BSD-3-Clause
//
// Node: a value in a JSON document that nobody vouches for, and its place there. Whoever asks for
// something that it isn't gets a Malformed thrown, which says what stands where and what should.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace bellwire::view {

class Malformed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::size_t longest_line = 256;  // bytes

/// Whether a text is what Node::line() takes: in one line, of 1 to 256 bytes, without control
/// characters.
[[nodiscard]] bool fits_line(std::string_view text);

class Node {
 public:
  explicit Node(const boost::json::value& value, std::string place = {})
      : value_(&value), place_(std::move(place)) {}

  /// A member of an object.
  [[nodiscard]] Node at(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;

  /// An element of an array, which has it.
  [[nodiscard]] Node at(std::size_t index) const;

  /// How many elements an array has.
  [[nodiscard]] std::size_t size() const;

  /// A finite number.
  [[nodiscard]] double number(double least = std::numeric_limits<double>::lowest()) const;
  [[nodiscard]] std::optional<double> number_or_null() const;

  /// A whole number from 0 to `most`.
  [[nodiscard]] std::uint64_t whole(std::uint64_t most) const;

  /// A short text in one line, which a terminal can be given.
  [[nodiscard]] std::string line() const;
  [[nodiscard]] std::optional<std::string> line_or_null() const;

  /// `wanted` completes "it should be ".
  [[noreturn]] void refuse(std::string_view wanted) const;

 private:
  [[nodiscard]] std::string shown() const;

  const boost::json::value* value_;
  std::string place_;
};

}  // namespace bellwire::view
