// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/json_text.hpp"

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>

namespace bellwire::host {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_number = 1100;  // the least double above 0 has 1,076 digits

void append(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  std::array<char, longest_number> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
  out.append(digits.data(), end.ptr);
}

void append(std::string& out, const json::value& value) {
  const char* between = "";
  if (const auto* const number = value.if_double()) {
    append(out, *number);
  } else if (const auto* const array = value.if_array()) {
    out += '[';
    for (const auto& item : *array) {
      out += std::exchange(between, ",");
      append(out, item);
    }
    out += ']';
  } else if (const auto* const object = value.if_object()) {
    out += '{';
    for (const auto& [key, member] : *object) {
      out += std::exchange(between, ",");
      out += json::serialize(key) + ':';
      append(out, member);
    }
    out += '}';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

bool fits_json(const std::string& words) {
  boost::system::error_code error;
  static_cast<void>(json::parse(json::serialize(json::string(words)), error));
  return !error;
}

}  // namespace bellwire::host
