// SPDX-License-Identifier: BSD-3-Clause
//
// A trace as one page that opens offline: the path that requests take, a request travelling along
// it at its recorded times, the figures, and a heat map. page/ has its parts; its data are the
// figures of `trace show --json`, and those requests that can be chosen.
#pragma once

#include <ostream>

#include "host/trace/view/figures.hpp"

namespace bellwire::view {

void write_page(std::ostream& out, const Trace& trace, const Figures& figures);

}  // namespace bellwire::view
