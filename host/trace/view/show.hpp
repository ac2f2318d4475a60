// SPDX-License-Identifier: BSD-3-Clause
//
// A trace's figures, for people: where it was recorded, a line each hop with its share as a bar,
// what holds of the whole, and the slowest requests.
#pragma once

#include <ostream>

#include "host/trace/view/figures.hpp"
#include "host/trace/view/screen.hpp"

namespace bellwire::view {

void show(std::ostream& out, const Screen& screen, const Trace& trace, const Figures& figures,
          std::size_t slowest);

/// "echo over ivshmem", and what it ran on, in two lines.
void show_origin(std::ostream& out, const Trace& trace);

}  // namespace bellwire::view
