// SPDX-License-Identifier: BSD-3-Clause
//
// Runs the guest that a transport includes, beside the device, to its end, and checks its answers.
#pragma once

#include <boost/asio/io_context.hpp>

#include "vdev/core/transport.hpp"
#include "vdev/devices/entry.hpp"

namespace bellwire::host {

/// Runs the guest on a thread of its own and the context, which has the device, on this one, until
/// the guest is done or a signal stops the context. Then prints a report. EIO: an answer was lost
/// or wrong.
[[nodiscard]] Result<void> run_with_guest(boost::asio::io_context& context, Guest& guest,
                                          const GuestPlan& plan, const RingEntry& device);

}  // namespace bellwire::host
