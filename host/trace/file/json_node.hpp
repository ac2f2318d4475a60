// SPDX-License-Identifier: BSD-3-Clause
//
// JsonNode: a value in an untrusted JSON document, and its place there. Whoever asks for something
// that it isn't gets a Malformed thrown, which names the place, what is there and what should be.
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

/// Whether JsonNode::line() takes a text: it is one line of 1 to 256 bytes, without control
/// characters.
[[nodiscard]] bool fits_line(std::string_view text);

class JsonNode {
 public:
  explicit JsonNode(const boost::json::value& value, std::string place = {})
      : value_(&value), place_(std::move(place)) {}

  /// A member of an object.
  [[nodiscard]] JsonNode at(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] bool is_object() const noexcept { return value_->is_object(); }
  [[nodiscard]] bool is_null() const noexcept { return value_->is_null(); }
  [[nodiscard]] bool truth() const;

  /// An element of an array, which must exist.
  [[nodiscard]] JsonNode at(std::size_t index) const;

  /// How many elements an array has.
  [[nodiscard]] std::size_t size() const;

  /// A finite number.
  [[nodiscard]] double number(double least = std::numeric_limits<double>::lowest()) const;
  [[nodiscard]] std::optional<double> number_or_null() const;

  /// A whole number from 0 to `most`.
  [[nodiscard]] std::uint64_t whole(std::uint64_t most) const;

  /// A short text in one line, safe to print on a terminal.
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
