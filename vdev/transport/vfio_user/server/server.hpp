// SPDX-License-Identifier: BSD-3-Clause
//
// Server: serves one PCI function on one socket, by the vfio-user protocol, version 0.0, as QEMU
// 10.1 and newer speak it (`-device '{"driver":"vfio-user-pci","socket":{"type":"unix",
// "path":"…"}}'`). Session: one client of it. Any number of servers share a context.
//
// One client at a time is served; another is turned away, unless the first has owed its version or
// the rest of a message for a while: then it is dropped, and the other is served. A malformed
// request is answered with EINVAL; a client whose stream can no longer be trusted is dropped. When
// a client goes, its memory and its interrupts are dropped, the device keeps its state, and the
// next client may come (rule 52 of docs/semantics.md).
//
// Everything happens on the one thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vdev/pci/function.hpp"
#include "vdev/transport/vfio_user/server/commands.hpp"
#include "vdev/transport/vfio_user/server/dma.hpp"
#include "vdev/transport/vfio_user/server/interrupts.hpp"

namespace bellwire::vfio_user {

// Session: one client, from accept() until it goes. It takes requests off the socket, has them
// carried out, and sends the replies; then what the device wants of the guest's memory.

/// Handlers that wait share it; it ends when the client is gone and the last of them has run.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::io_context& context, os::UniqueFd socket, pci::Function& function,
          std::string name, std::function<void(bool)> on_client);

  void start();
  /// Drops everything that the client brought, even half a message. The function is not used any
  /// more.
  void end(const std::string& reason);
  [[nodiscard]] bool ended() const noexcept { return !commands_; }
  /// If the client has already hung up: handles what it left, and ends.
  void end_if_left();
  /// Ends it if the client has owed its version, or the rest of a message, for that long. Only for
  /// another client's sake: a client may be stopped by a debugger.
  void end_if_stalled(std::chrono::milliseconds time);

 private:
  using Wait = boost::asio::posix::descriptor_base::wait_type;
  void wait(Wait what);
  void fail(const Error& error);
  void soon();
  void look();
  bool turn();
  bool take_one();
  void take(Message message);
  void answer(Message request);
  Result<void> unmask_by(std::optional<os::EventFd> event);

  boost::asio::io_context& context_;
  os::UniqueFd socket_;
  boost::asio::posix::stream_descriptor ready_;  // a duplicate, for waiting only
  pci::Function& function_;
  std::string name_;
  std::function<void(bool)> on_client_;
  std::optional<EventWatch> unmask_;  // the client rings it to unmask INTx
  std::optional<Commands> commands_;  // until the client is gone
  DmaLink link_;
  FrameReader reader_;
  FrameWriter writer_;
  // Since when the client owes its version, or the rest of a message.
  std::optional<std::chrono::steady_clock::time_point> owes_since_;
  bool soon_ = false;  // a turn is queued: one is enough
  // So is one wait of each kind; both may be under way, since either may come first.
  bool waits_to_read_ = false;
  bool waits_to_write_ = false;
};

struct ServerOptions {
  std::string path;  ///< of the socket
  /// Called when a client has agreed on a version (true) or has gone (false).
  std::function<void(bool)> on_client = {};
  std::chrono::milliseconds stall_time{2000};  ///< after which a client makes room, see above
};

class Server {
 public:
  /// When it returns, the socket exists and is served. The function must outlive the server.
  /// ENAMETOOLONG, EADDRINUSE, EEXIST, EMFILE.
  [[nodiscard]] static Result<Server> create(boost::asio::io_context& context,
                                             pci::Function& function, ServerOptions options);
  Server(Server&&) noexcept;
  ~Server();

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> state) noexcept;
  std::shared_ptr<Impl> state_;
};

}  // namespace bellwire::vfio_user
