// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 132 to 139: what a back-end says by itself, on the channel for its own requests, when
// its configuration space changes.
#include <sys/socket.h>

#include "host/conform/test_requests.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vhost_user/protocol/messages.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
namespace flags = vhost_user::flags;
using vhost_user::bit;
using vhost_user::Message;
using vhost_user::Step;

constexpr Needs announces{.protocol_features = bit(feature::backend_req) | bit(feature::config),
                          .config_space = true,
                          .layouts = Layouts::split};

/// Both ends of a channel; the far one is the back-end's.
class Channel {
 public:
  Channel() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw Untried{"cannot make a pair of sockets"};
    near_.reset(ends[0]);
    far_.reset(ends[1]);
  }

  /// Gives the far end to the back-end.
  void give(Trial& trial, FrontEnd& front) {
    const int fds[] = {far_.get()};
    trial.expect(front.tell(Request::set_backend_req_fd, std::span<const std::byte>(), fds),
                 "SET_BACKEND_REQ_FD");
    far_.reset();
  }
  /// Leaves no room for what the back-end sends.
  void fill() const {
    const std::byte bytes[4096] = {};
    while (::send(far_.get(), bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
  }
  void close() noexcept { near_.reset(); }

  /// The next message. Empty: none came in time.
  [[nodiscard]] std::optional<Message> next(Trial& trial) {
    const auto& patience = trial.settings().patience;
    return within(trial, patience.limit, patience.stop);
  }
  /// The same of one that must not come.
  [[nodiscard]] std::optional<Message> unexpected(Trial& trial) {
    return within(trial, trial.settings().patience.quiet, -1);
  }
  void answer(const Message& message, std::uint64_t value) const {
    const auto reply = vhost_user::pack_reply(message.header.request, value);
    static_cast<void>(::send(near_.get(), reply.data(), reply.size(), MSG_NOSIGNAL));
  }

 private:
  std::optional<Message> within(Trial& trial, std::chrono::milliseconds limit, int stop) {
    for (;;) {
      auto message = reader_.next(near_.get());
      trial.expect(bool(message), "the channel: {}", message ? "" : message.error().message);
      if (*message) {
        trial.transcript().came("on the channel: " +
                                vhost_user::name_of_backend((*message)->header.request));
        return std::move(*message);
      }
      if (os::wait_for_peer(near_.get(), limit, stop) != os::Waited::readable) return std::nullopt;
    }
  }

  os::UniqueFd near_, far_;
  vhost_user::FrameReader reader_;
};

// Up, with that channel.
FrontEnd up_with(Trial& trial, Channel& channel, Wishes wishes = {}) {
  auto front = trial.connect(wishes);
  bool given = false;
  for (const auto step : front.dialect().steps) {
    const bool ours = step == Step::set_backend_req_fd && front.negotiated(feature::backend_req);
    if (ours)
      channel.give(trial, front);
    else
      Trial::prepare(front.run(step), "bringing the device up");
    given = given || ours;
  }
  if (!given) throw Untried{text("{} has no such channel", front.dialect().program)};
  trial.begin();
  return front;
}

// The space changes, and the back-end knows it.
void change_config(Trial& trial, FrontEnd& front) {
  constexpr std::uint32_t capacity = 8;
  const auto before = read_config(trial, front, 0, capacity);
  trial.change_config(front);
  trial.expect(trial.eventually([&] { return read_config(trial, front, 0, capacity) != before; }),
               "GET_CONFIG says what it said before the change");
}

void expect_announced(Trial& trial, Channel& channel) {
  const auto message = channel.next(trial);
  trial.expect(message.has_value(), "no message came on the channel");
  const auto request = static_cast<std::uint32_t>(vhost_user::BackendRequest::config_change_msg);
  trial.expect(message->header.request == request, "request {} came on the channel",
               message->header.request);
}

void announced(Trial& trial) {
  Channel channel;
  auto front = up_with(trial, channel);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  change_config(trial, front);
  expect_announced(trial, channel);
  traffic.serve(2, "requests after the change");
}

void well_formed(Trial& trial) {
  for (const auto never : {std::uint64_t{0}, bit(feature::reply_ack)}) {
    Channel channel;
    auto front = up_with(trial, channel, {.never_protocol_features = never});
    TestRequests traffic(trial, front);
    traffic.serve(1, "a request before");
    change_config(trial, front);
    const auto message = channel.next(trial);
    trial.expect(message.has_value(), "no message came on the channel");
    const auto may =
        flags::version | (front.negotiated(feature::reply_ack) ? flags::need_reply : 0U);
    trial.expect((message->header.flags & ~may) == 0,
                 "the message's flags are {:#x}, REPLY_ACK was {}negotiated", message->header.flags,
                 never != 0 ? "not " : "");
    trial.expect(message->payload.empty() && message->fds.empty(),
                 "the message has {} bytes of payload and {} descriptors, not 0",
                 message->payload.size(), message->fds.size());
    if (message->needs_reply()) channel.answer(*message, 0);
  }
}

void announced_after_an_error(Trial& trial) {
  Channel channel;
  auto front = up_with(trial, channel);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  for (int count = 0; count < 3; ++count) {
    change_config(trial, front);
    const auto message = channel.next(trial);
    trial.expect(message.has_value(), "no message came on the channel for change {}", count + 1);
    if (message->needs_reply()) channel.answer(*message, 1);
    traffic.serve(1, "a request after an error on the channel");
  }
}

void unread_channel(Trial& trial) {
  Channel channel;
  channel.fill();
  auto front = up_with(trial, channel);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  for (int count = 0; count < 2; ++count) {
    trial.change_config(front);
    trial.settle(front);
    trial.pause(trial.settings().patience.quiet);  // until it may have been announced
    traffic.serve(2, "requests while the channel is full and nobody reads it");
    trial.settle(front);
  }
}

void closed_channel(Trial& trial) {
  Channel channel;
  auto front = up_with(trial, channel);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  channel.close();
  for (int count = 0; count < 2; ++count) {
    change_config(trial, front);
    traffic.serve(2, "requests after the front-end closed the channel");
  }
}

void replaced_channel(Trial& trial) {
  Channel first, second;
  auto front = up_with(trial, first);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  second.give(trial, front);
  trial.settle(front);
  change_config(trial, front);
  expect_announced(trial, second);
}

void nowhere_else(Trial& trial) {
  auto front = trial.up({.never_protocol_features = bit(feature::backend_req)});
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  change_config(trial, front);
  const auto message = front.link().unexpected();
  trial.expect(!message, "a message came on the front-end's socket, unasked");
  trial.settle(front);
}

void silent_while_stopped(Trial& trial) {
  Channel channel;
  auto front = up_with(trial, channel);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  for (unsigned ring = 0; ring < front.rings(); ++ring)
    static_cast<void>(trial.expect(front.stop_ring(ring), "GET_VRING_BASE"));
  change_config(trial, front);
  trial.expect(!channel.unexpected(trial), "a message came though all rings are stopped");
}

constexpr Statement channel_table[] = {
    {132, "A change of the config space is announced while the device runs, and can be read",
     "vhost-user: CONFIG_CHANGE_MSG", announces, announced},
    {133, "The announcement has no payload, and asks for a reply only if REPLY_ACK is negotiated",
     "vhost-user: REPLY_ACK", announces, well_formed},
    {134, "Each change is announced, also after the front-end answered one with an error",
     "vhost-user: CONFIG_CHANGE_MSG", announces, announced_after_an_error},
    {135, "A channel that nobody reads does not keep the back-end from serving",
     "vhost-user: Back-end communication", announces, unread_channel},
    {136, "A channel that the front-end has closed does no harm",
     "vhost-user: Back-end communication", announces, closed_channel},
    {137, "Changes are announced on the channel that was set last",
     "vhost-user: SET_BACKEND_REQ_FD", announces, replaced_channel},
    {138, "Without a channel, changes are announced nowhere", "vhost-user: Back-end communication",
     announces, nowhere_else},
    {139, "While all rings are stopped, nothing is announced", "vhost-user: Suspended device state",
     announces, silent_while_stopped},
};

}  // namespace

std::span<const Statement> channel_statements() noexcept {
  return channel_table;
}

}  // namespace bellwire::host::conform
