// SPDX-License-Identifier: BSD-3-Clause
//
// A run of the guest that a transport brought along: beside the device, to its end, and judged.
#pragma once

#include <boost/asio/io_context.hpp>

#include "vdev/core/guest.hpp"
#include "vdev/devices/catalog.hpp"

namespace bellwire::host {

/// Runs the context, which has the device and ends with the guest, or earlier by a signal. Then
/// prints what the guest saw. EIO: an answer was lost or wrong.
[[nodiscard]] Result<void> run_with_guest(boost::asio::io_context& context, Guest& guest,
                                          const GuestPlan& plan, const CatalogEntry& device);

}  // namespace bellwire::host
