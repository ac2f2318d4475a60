// SPDX-License-Identifier: BSD-3-Clause
//
// A trace as Chrome's trace events, which Perfetto and chrome://tracing open.
//
// Each side is a process. Slices on one track must nest, but requests overlap: so a side has as
// many tracks as there were requests under way at once, and a request has the same track on each
// side. A slice is a hop, on the side where it began; flow arrows lead from side to side. A hop
// that seems to end before it began is drawn without length, with its time in its arguments.
// otherData says where each stage is in the sources.
//
// All times are whole nanoseconds: README.md says why.
#pragma once

#include <ostream>

#include "host/trace/view/figures.hpp"

namespace bellwire::view {

void write_perfetto(std::ostream& out, const Trace& trace, const Figures& figures);

}  // namespace bellwire::view
