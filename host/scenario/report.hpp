// SPDX-License-Identifier: BSD-3-Clause
//
// What `bellwire scenario` prints. Any thread.
#pragma once

#include <string>
#include <vector>

#include "host/scenario/scenario.hpp"

namespace bellwire::host {

[[nodiscard]] std::string scenario_list();
[[nodiscard]] std::string scenario_list_json();
/// The runs of one scenario, and what it is about.
[[nodiscard]] std::string as_text(const std::vector<Played>& runs);
[[nodiscard]] std::string as_json(const std::vector<Played>& runs);

}  // namespace bellwire::host
