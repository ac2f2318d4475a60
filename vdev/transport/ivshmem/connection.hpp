// SPDX-License-Identifier: BSD-3-Clause
//
// Connection: one peer of the switchboard, from accept() until it goes. It is told its greeting,
// as fast as it reads it, and has nothing to say itself.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vdev/loop/retry.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/ivshmem/slot.hpp"

namespace bellwire::ivshmem {

enum class Role { guest, device };

/// Handlers that wait share it; it ends when the peer is gone and the last of them has run.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `left` is called once, when the peer itself hung up: it is gone, and touches nothing more.
  Connection(boost::asio::io_context& context, os::UniqueFd socket, std::string name,
             std::vector<Slot::Line> greeting, std::function<void()> left);

  void start();
  /// For something that the peer did, which the log says.
  void drop(const std::string& reason);
  /// The switchboard itself ends.
  void stop() { end(); }
  /// Handles a hang-up that nobody was told of yet, so that the next peer finds it handled.
  void drop_if_left();
  /// Also when it hung up a moment ago, and nobody was told yet.
  [[nodiscard]] bool gone() { return gone_ || os::hung_up(fd()); }

  /// Whether the peer had that long to read what it was sent, and didn't.
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
