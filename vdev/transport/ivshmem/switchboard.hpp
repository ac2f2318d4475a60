// SPDX-License-Identifier: BSD-3-Clause
//
// Switchboard: owns the wires. It makes, for each slot, the shared memory and the eventfds of both
// ends, and hands them to whoever connects, as an ivshmem server; for a peer that hangs up it says
// so in the memory (vdev/ring/departure.hpp). It does nothing else, so there is little that can
// break it. QEMU never reconnects to its server and gives up on a peer that
// leaves; here the wires and the IDs of a slot are for ever, nobody is ever told that somebody
// left (rule 45 of docs/semantics.md is kept for free), and a device or a QEMU that comes back
// finds the same wires with whatever waits on them.
//
// A slot has two ends, one for a guest and one for a device. A connection whose socket is named by
// device_name() is the device of the slot that it names; any other is a guest and gets the lowest
// free slot. A connection that sends a byte is dropped (46); so is one without a free end, and one
// that held an end for ten seconds without reading what it was sent, when no end is free for
// another (it keeps the memory that it was sent: that can't be revoked).
//
// Descriptors that were sent and not received count against a limit that all processes of a user
// share, and dropping the connection doesn't bring them back. So a peer is sent the next message
// only when it has read all but the last: one that reads nothing never gets a descriptor.
//
// Everything happens on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "vdev/os/result.hpp"

namespace bellwire::ivshmem {

struct SwitchboardOptions {
  std::string path;      ///< of the socket
  unsigned slots = 1;    ///< 1 to 1024
  unsigned vectors = 8;  ///< each end of each slot; 1 to BELLWIRE_MAX_QUEUES
  std::uint64_t memory = std::uint64_t{4} << 20;  ///< bytes a slot; a power of two
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
  struct State;
  explicit Switchboard(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire::ivshmem
