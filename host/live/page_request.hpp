// SPDX-License-Identifier: BSD-3-Clause
//
// PageRequest: what a page asks of the server: to let something go wrong with a device's wires, or
// to end that. A page is not trusted. Any thread.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "vdev/os/result.hpp"

namespace bellwire::host::live {

struct PageRequest {
  std::string socket;          ///< of the device
  boost::json::object device;  ///< what the device is to be asked (host/trace/record/control.hpp)
};

/// Reads {do: "fault", socket, plan, queue} or {do: "end faults", socket}; a queue that is null or
/// missing: all. EINVAL: something is wrong, or the plan is, in the words of FaultPlan::parse().
[[nodiscard]] Result<PageRequest> parse_page_request(const std::string& text);

/// {answer: {socket, error}}; without an error it is null.
[[nodiscard]] std::string answer_text(const std::string& socket, const Result<void>& done);

}  // namespace bellwire::host::live
