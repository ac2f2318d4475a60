// SPDX-License-Identifier: BSD-3-Clause
//
// Switchboard: owns the wires. For each slot it creates the shared memory and the eventfds of both
// ends, and hands them to the peers that connect, as an ivshmem server; when a peer hangs up, it
// records that in the memory (vdev/ring/watchdog.hpp). It does nothing else, so little can break
// it. QEMU never reconnects to its server and gives up on a peer that leaves. Here the wires and
// the IDs of a slot are permanent, and no peer is ever notified that another one left (which
// satisfies rule 45 of docs/semantics.md), so a device or a QEMU that comes back finds the same
// wires with whatever is pending on them.
//
// A slot has two ends, one for a guest and one for a device. A connection whose socket is named by
// device_name() is the device of the slot that it names; any other is a guest and gets the lowest
// free slot. A connection that sends a byte is dropped (rule 46), and so is one for which no end is
// free. If no end is free for a new connection, one that has held an end for ten seconds without
// reading what it was sent is dropped (it keeps the memory that it has received: that can't be
// revoked).
//
// Descriptors that were sent and not yet received count against a limit that all processes of a
// user share, and dropping the connection does not release them. So a peer is sent the next message
// only after it has read all but the last one: a peer that reads nothing never gets a descriptor.
//
// Everything happens on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "vdev/os/result.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::ivshmem {

struct SwitchboardOptions {
  std::string path;                               ///< of the socket
  unsigned slots = 1;                             ///< 1 to 1024
  unsigned vectors = 8;                           ///< per end of a slot; 1 to BELLWIRE_MAX_QUEUES
  std::uint64_t memory = std::uint64_t{4} << 20;  ///< bytes per slot; a power of two
  /// Of each ring; a power of two. In small memory the rings get fewer.
  std::uint32_t entries = ring::usual_ring_entries;
  std::chrono::milliseconds reading_time{10000};  ///< see above
};

class Switchboard {
 public:
  /// Once it returns, the socket is there and served. EINVAL, ENAMETOOLONG, EADDRINUSE, EMFILE,
  /// ENOMEM.
  [[nodiscard]] static Result<Switchboard> create(boost::asio::io_context& context,
                                                  const SwitchboardOptions& options);
  Switchboard(Switchboard&&) noexcept;
  ~Switchboard();

 private:
  struct Impl;
  explicit Switchboard(std::shared_ptr<Impl> state) noexcept;
  std::shared_ptr<Impl> state_;
};

}  // namespace bellwire::ivshmem
