// SPDX-License-Identifier: BSD-3-Clause
//
// Screen: what can be shown where text goes, and the few things that are drawn with it.
#pragma once

#include <cstdint>
#include <string>

#include "host/trace/file/stage.hpp"

namespace bellwire::view {

struct Screen {
  unsigned width = 100;  ///< columns
  bool unicode = true;
  bool colour = false;

  [[nodiscard]] std::string_view arrow() const { return unicode ? "→" : "->"; }
  [[nodiscard]] std::string_view micro() const { return unicode ? "µs" : "us"; }
  [[nodiscard]] std::string_view about() const { return unicode ? "±" : "+-"; }
};

/// What standard output can show: its width if it is a terminal, Unicode if the locale has it,
/// colours on a terminal unless NO_COLOR is set. Sets the program's character set to the locale's.
[[nodiscard]] Screen standard_output();

/// A bar that fills `part` (0 to 1) of `cells`, in the colour of a side.
[[nodiscard]] std::string bar(const Screen& screen, double part, unsigned cells, Side side);

/// Nanoseconds in microseconds, in at most 8 columns up to ten seconds.
[[nodiscard]] std::string micro(double ns);

/// At most so wide.
constexpr unsigned hop_columns = 25;
[[nodiscard]] std::string name_of(const Screen& screen, const Hop& hop);

/// To the left of `columns`; one character, one column.
[[nodiscard]] std::string pad(std::string_view words, std::size_t columns);

/// 1,234,567
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace bellwire::view
