// SPDX-License-Identifier: BSD-3-Clause
//
// Runs a virtio device on a transport, on this thread.
#pragma once

#include <boost/asio/io_context.hpp>

#include "host/device/device_journal.hpp"
#include "host/device/options.hpp"

namespace bellwire::host {

/// EINVAL: options that this device does not have. Errors of the device and of the transport.
/// ENODATA: what was to be dropped never came.
[[nodiscard]] Result<void> run_virtio(boost::asio::io_context& context, const VirtioEntry& entry,
                                      const DeviceOptions& options, Tracing& tracing,
                                      const DeviceJournal& journal);

}  // namespace bellwire::host
