// SPDX-License-Identifier: BSD-3-Clause
//
// Session: one front-end, from its connection until it goes. It takes requests off the socket, one
// at a time, has them carried out, and answers those that want an answer, in their order. A request
// that has to wait for the device holds up the ones behind it, never the loop.
//
// A malformed request ends the session; so does one that can't be done, unless the front-end asked
// to be told. When the session ends, for whatever reason, its descriptors are closed, the device
// completes what is in flight and is reset, and the memory is given back. Then the session is gone,
// and the next front-end can be served.
//
// On the thread that runs the context. Source: vhost-user, "Communication" and "REPLY_ACK";
// docs/semantics.md, 58 to 60.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "vdev/transport/vhost_user/protocol/framing.hpp"
#include "vdev/transport/vhost_user/server/commands.hpp"

namespace bellwire::vhost_user {

/// Handlers that wait share it; it lives until the last of them has run.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `name` is for the log; `on_gone` is called from the loop, once.
  Session(boost::asio::io_context& context, os::UniqueFd socket, virtio::Backend& backend,
          DmaSpace& space, std::string name, std::function<void()> on_gone);

  void start();
  /// The device is not used any more when it returns, and `on_gone` is not called.
  void end_now(const std::string& reason);

  [[nodiscard]] bool gone() const noexcept { return gone_; }
  /// Whether it has ended, or is about to: the front-end has hung up.
  [[nodiscard]] bool leaving() const noexcept;
  /// Whether the front-end has sent a request that was carried out.
  [[nodiscard]] bool served() const noexcept { return served_; }

 private:
  using Wait = boost::asio::posix::descriptor_base::wait_type;
  void wait(Wait what);
  void watch_memory();
  void soon();
  void look();
  bool turn();
  void take(Message message);
  void answer(const Header& header, Result<Reply> result);
  void refused(const Header& header, const MessageRule& rule, bool asked, const Error& error);
  void fail(const Error& error);
  void end(const std::string& reason);
  void let_go(const std::string& reason);

  boost::asio::io_context& context_;
  os::UniqueFd socket_;
  boost::asio::posix::stream_descriptor ready_;  // a duplicate, for waiting only
  boost::asio::posix::stream_descriptor lost_;   // of the memory's loss
  virtio::Backend& backend_;
  DmaSpace& space_;
  std::string name_;
  std::function<void()> on_gone_;
  std::optional<Commands> commands_;  // until it is gone
  FrameReader reader_;
  FrameWriter writer_;
  bool ended_ = false;
  bool gone_ = false;
  bool served_ = false;
  bool busy_ = false;  // a request is under way
  bool soon_ = false;  // a turn is queued: one is enough
  bool waits_to_read_ = false;
  bool waits_to_write_ = false;
};

}  // namespace bellwire::vhost_user
