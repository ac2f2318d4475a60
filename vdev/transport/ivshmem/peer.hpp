// SPDX-License-Identifier: BSD-3-Clause
//
// Peer: the device's side of ivshmem. It speaks the plain protocol, so it joins our switchboard as
// well as QEMU's own ivshmem-server. The driver is the peer that joined last, or, when that
// one left, the one with the highest ID (on a switchboard's slot there is only one); interrupts are
// bound to its vectors, and unbound when nobody is left.
//
// When the server goes away the wires keep working (rule 49 of docs/semantics.md), so that is only
// logged. A descriptor for which this process has no room just then stays in the socket until it
// has.
//
// The server may make its memory smaller, since QEMU's server gives a file that can't be sealed.
// Then the device is detached, and the reason reported: nothing more can come from that server.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "vdev/core/transport.hpp"

namespace bellwire::ivshmem {

struct Endpoint {
  std::string path;      ///< the server's socket
  unsigned slot = 0;     ///< of a switchboard
  unsigned vectors = 0;  ///< that the server gives each peer; 0: as many as the memory has queues;
                         ///< if nobody has formatted it yet, as another peer has, or 1
  std::chrono::seconds wait{0};  ///< for somebody to serve the path
  bool format = false;           ///< format the memory anew if its format is broken
  bool guest = false;  ///< join as QEMU would, to play the driver: then what attach() calls
                       ///< doorbells are the guest's interrupts, and the other way round
};

class Peer final : public Transport {
 public:
  /// Connects and waits for the handshake. ETIMEDOUT, ECONNRESET, EPROTO. The context's thread
  /// then follows the peers that come and go.
  [[nodiscard]] static Result<std::unique_ptr<Peer>> connect(
      boost::asio::io_context& context, const Endpoint& endpoint,
      std::chrono::milliseconds patience = std::chrono::seconds(5));
  ~Peer() override;

  /// EIO: the server took memory away.
  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers = nullptr) override;
  [[nodiscard]] Result<Registration> serve(RegisterBlock* registers, Runs runs) override;

 private:
  struct State;
  explicit Peer(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

/// The name by which a device tells a switchboard what it is, without a byte that the protocol
/// doesn't have: the address that its socket is bound to.
[[nodiscard]] std::string device_name(unsigned slot);

/// The slot that such a name asks for; empty if it isn't a device's.
[[nodiscard]] std::optional<unsigned> slot_of_device(const std::string& name) noexcept;

}  // namespace bellwire::ivshmem
