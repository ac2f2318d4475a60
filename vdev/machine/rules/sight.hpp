// SPDX-License-Identifier: BSD-3-Clause
//
// Sight: what was seen, put into words: "write: 0, read: EAGAIN".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bellwire::rules {

class Sight {
 public:
  Sight& note(std::string_view what, std::string_view answer);
  /// 0 is "ok", others are the error's name.
  Sight& error(std::string_view what, int error);
  Sight& number(std::string_view what, std::uint64_t value);
  Sight& yes(std::string_view what, bool value) { return note(what, value ? "yes" : "no"); }
  /// As "0x41 0x42", or "none".
  Sight& vectors(std::string_view what, const std::vector<std::uint8_t>& vectors);
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

/// "EINVAL"; "ok" for 0.
[[nodiscard]] std::string error_name(int error);

}  // namespace bellwire::rules
