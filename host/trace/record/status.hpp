// SPDX-License-Identifier: BSD-3-Clause
//
// What a control socket answers to {"do": "status"}: the words of the shared memory that are always
// there, as numbers. Nobody waits for a device that is asked.
#pragma once

#include <boost/json/object.hpp>

#include "host/trace/file/trace_file.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::host {

/// {device, transport, incarnation, queues: [{queue, entries, generation, status, consumed,
/// completed, submitted, doorbells, wakeups, raises, lost: {kicks, doorbells, interrupts, calls,
/// wakes}}]}; lost are those that driver or device found and repaired. No queues without a
/// `layout`. Numbers of a queue count since its generation began, the three indices wrap at 2^32.
[[nodiscard]] boost::json::object status_of(const ring::Layout* layout, const TraceFacts& facts);

}  // namespace bellwire::host
