// SPDX-License-Identifier: BSD-3-Clause
//
// The parts of a switchboard: a Slot is the wires between one guest and one device, a Connection is
// one peer. Everything runs on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vdev/loop/retry.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::ivshmem {

/// One end of a slot: its ID, and the eventfds that notify it, which the switchboard only hands
/// out.
struct End {
  Id id;
  std::vector<os::UniqueFd> vectors;
};

/// The wires between one guest and one device.
struct Slot {
  /// Creates the memory, formatted with one queue per vector, and the eventfds.
  [[nodiscard]] static Result<Slot> create(unsigned index, const SwitchboardOptions& options);

  /// A message of the greeting, which an end is sent in order (rule 41). The slot owns the
  /// descriptor.
  struct Line {
    std::int64_t value;
    int fd;
  };
  [[nodiscard]] std::vector<Line> greeting(const End& own, const End& other) const;

  os::UniqueFd memory;
  End guest;
  End device;
};

enum class Role { guest, device };

/// One peer of the switchboard, from accept() until it leaves. It is sent its greeting as fast as
/// it reads it, and must send nothing itself. Pending handlers share the object, so it ends when
/// the peer is gone and the last handler has run.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `left` is called once, when the peer itself has hung up.
  Connection(boost::asio::io_context& context, os::UniqueFd socket, std::string name,
             std::vector<Slot::Line> greeting, std::function<void()> left);

  void start();
  /// Drops the peer for a `reason`, which is logged.
  void drop(const std::string& reason);
  /// For the end of the switchboard itself.
  void stop() { end(); }
  /// Handles a hang-up that no handler has reported yet, before the next peer is seated.
  void drop_if_left();
  /// Whether the peer has left, even if no handler has reported it yet.
  [[nodiscard]] bool gone() { return gone_ || os::hung_up(fd()); }

  /// Whether the peer has had that long to read what it was sent, and has not.
  [[nodiscard]] bool silent_for(std::chrono::milliseconds time);

 private:
  [[nodiscard]] int fd() { return socket_.native_handle(); }
  void send_on();
  Result<bool> send_next();
  void listen();
  void heard();
  void leave();
  void end();

  os::UniqueFd taken_;  // until start()
  boost::asio::posix::stream_descriptor socket_;
  Retry retry_;
  std::string name_;
  std::vector<Slot::Line> greeting_;
  std::function<void()> left_;
  std::size_t sent_ = 0;  // lines of the greeting
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  bool gone_ = false;
};

}  // namespace bellwire::ivshmem
