// SPDX-License-Identifier: BSD-3-Clause
//
// Peer: the device's side of ivshmem. It speaks the plain protocol, so it can join our switchboard
// and QEMU's own ivshmem-server alike. The driver is the peer that joined last or, if that one has
// left, the one with the highest ID (a switchboard's slot has only one). Interrupts are bound to
// its vectors, and unbound when no peer is left.
//
// When the server goes away the wires keep working (rule 49 of docs/semantics.md), so that is only
// logged. A descriptor for which this process has no room stays in the socket until there is room.
//
// The server may truncate its memory, since the file of QEMU's server can't be sealed. Then the
// device is detached and the reason is reported: that server is of no use any more.
//
// Everything runs on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "vdev/core/transport.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::ivshmem {

struct PeerOptions {
  std::string path;      ///< the server's socket
  unsigned slot = 0;     ///< the switchboard's slot
  unsigned vectors = 0;  ///< the server's vectors per peer; 0: as many as the memory has queues or,
                         ///< if it is not formatted yet, as another peer has, or 1
  std::chrono::seconds wait{0};  ///< how long to wait for somebody to serve the path, and answer
  bool format = false;           ///< format the memory again if its format is broken
  bool guest = false;  ///< join as QEMU would, to play the driver: then attach()'s doorbells are
                       ///< the guest's interrupts, and vice versa
  int stop = -1;       ///< connect() gives up as soon as this descriptor is readable
};

class Peer final : public Transport {
 public:
  /// How long a server may take until it says anything, as it may be paused or busy, and then for
  /// the rest of its greeting.
  struct Patience {
    std::chrono::milliseconds first = std::chrono::seconds(30), rest = std::chrono::seconds(5);
  };

  /// Connects and waits for the handshake. ETIMEDOUT, ECONNRESET, EPROTO, ECANCELED. The context's
  /// thread then follows the peers that come and go.
  [[nodiscard]] static Result<std::unique_ptr<Peer>> connect(boost::asio::io_context& context,
                                                             const PeerOptions& endpoint,
                                                             const Patience& patience);
  [[nodiscard]] static Result<std::unique_ptr<Peer>> connect(boost::asio::io_context& context,
                                                             const PeerOptions& endpoint) {
    return connect(context, endpoint, Patience{});
  }
  /// The same over a socket that is connected to the server already.
  [[nodiscard]] static Result<std::unique_ptr<Peer>> over(boost::asio::io_context& context,
                                                          os::UniqueFd socket,
                                                          const PeerOptions& endpoint,
                                                          const Patience& patience);
  ~Peer() override;

  /// EIO: the server took memory away.
  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers = nullptr) override;
  [[nodiscard]] Result<Registration> serve(RegisterBlock* registers, Runs runs) override;

 private:
  struct Impl;
  explicit Peer(std::shared_ptr<Impl> state) noexcept;
  std::shared_ptr<Impl> state_;
};

/// The name by which a device identifies itself to a switchboard: the address that its socket is
/// bound to, so that the protocol needs no further message. Each call returns another; it has no
/// process ID in it, because two containers that share a network may have the same.
[[nodiscard]] std::string device_name(unsigned slot);

/// The slot that such a name asks for. Empty: it is not a device's name.
[[nodiscard]] std::optional<unsigned> slot_of_device(const std::string& name) noexcept;

}  // namespace bellwire::ivshmem
