// SPDX-License-Identifier: BSD-3-Clause
//
// A trace's figures as text for people: where it was recorded, a line per hop with its share as a
// bar, what holds for the whole trace, and the slowest requests. A Screen says what can be shown
// where the text goes.
#pragma once

#include <ostream>

#include "host/trace/view/figures.hpp"

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

/// "submitted → kicked", in at most hop_columns columns.
constexpr unsigned hop_columns = 25;
[[nodiscard]] std::string name_of(const Screen& screen, const Hop& hop);

/// "echo over ivshmem", and what it ran on, in two lines.
void show_origin(std::ostream& out, const std::string& device, const std::string& transport,
                 const MachineFacts& machine, const std::string& began);

void show(std::ostream& out, const Screen& screen, const Trace& trace, const Figures& figures,
          std::size_t slowest);

}  // namespace bellwire::view
