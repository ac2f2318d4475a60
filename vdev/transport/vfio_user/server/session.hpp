// SPDX-License-Identifier: BSD-3-Clause
//
// Session: one client, from accept() until it goes. It takes requests off the socket, has them
// carried out, and sends the replies; then what the device wants of the guest's memory.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "vdev/transport/vfio_user/server/commands.hpp"
#include "vdev/transport/vfio_user/server/dma_link.hpp"
#include "vdev/transport/vfio_user/server/event_watch.hpp"

namespace bellwire::vfio_user {

/// Handlers that wait share it; it ends when the client is gone and the last of them has run.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::io_context& context, os::UniqueFd socket, pci::Function& function,
          std::string name, std::function<void(bool)> on_client);

  void start();
  /// Lets go of all that the client brought, half a message too. The function is not touched any
  /// more.
  void end(const std::string& reason);
  [[nodiscard]] bool ended() const noexcept { return !commands_; }
  /// For whoever needs to know now whether the client has gone: takes what it left, and ends.
  void end_if_left();

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
  Reader reader_;
  Writer writer_;
  bool soon_ = false;  // a turn is queued: one is enough
  // So is one wait of each kind; both may be under way, since either may come first.
  bool waits_to_read_ = false;
  bool waits_to_write_ = false;
};

}  // namespace bellwire::vfio_user
