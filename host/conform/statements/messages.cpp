// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 1 to 15: messages, the connection that they come on, and the configuration space.
#include <linux/virtio_config.h>
#include <sys/stat.h>

#include <cstring>
#include <utility>

#include "host/conform/trial.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
namespace flags = vhost_user::flags;
using vhost_user::bit;
using vhost_user::Bytes;
using vhost_user::ConfigAccess;
using vhost_user::Header;
using vhost_user::Message;

constexpr auto get_features_number = static_cast<std::uint32_t>(Request::get_features);
constexpr std::uint32_t unknown_number = 4711;

Message answer_of(Trial& trial, FrontEnd& front) {
  auto reply = front.link().receive();
  trial.expect(bool(reply), "{}", reply ? "" : reply.error().message);
  return std::move(*reply);
}

void features_first(Trial& trial) {
  auto front = trial.connect();
  trial.expect(front.link().send(Request::get_features, {}), "GET_FEATURES");
  const auto reply = answer_of(trial, front);
  trial.expect(reply.header.request == get_features_number, "the answer is to request {}",
               reply.header.request);
  trial.expect(reply.payload.size() == sizeof(std::uint64_t), "the answer has {} bytes, not 8",
               reply.payload.size());
}

void reply_flags(Trial& trial) {
  auto front = trial.connect();
  trial.expect(front.link().send(Request::get_features, {}), "GET_FEATURES");
  const auto reply = answer_of(trial, front);
  trial.expect(reply.header.flags == (flags::version | flags::reply),
               "the answer's flags are {:#x}, not 0x5", reply.header.flags);
}

void protocol_features_first(Trial& trial) {
  auto front = trial.connect();
  static_cast<void>(trial.expect(front.get(Request::get_features), "GET_FEATURES"));
  const auto offered =
      trial.expect(front.get(Request::get_protocol_features), "GET_PROTOCOL_FEATURES");
  trial.expect(
      front.tell(Request::set_protocol_features, offered & front.dialect().protocol_features),
      "SET_PROTOCOL_FEATURES");
  trial.settle(front);
}

void same_features(Trial& trial) {
  auto front = trial.up({}, {}, vhost_user::Step::memory);
  const auto again = trial.expect(front.get(Request::get_features), "GET_FEATURES");
  trial.expect(again == front.offer().features, "GET_FEATURES says {:#x} first and {:#x} then",
               front.offer().features, again);
}

void expect_closed(Trial& trial, const char* what, const Header& header) {
  auto front = trial.connect();
  trial.expect(front.link().send_raw(what, payload(header)), "sending");
  trial.expect(front.link().closed_in_time(), "the connection stays open");
}

void other_version(Trial& trial) {
  expect_closed(trial, "GET_FEATURES with version 2", {get_features_number, 2, 0});
}

void reply_from_front_end(Trial& trial) {
  expect_closed(trial, "GET_FEATURES with the reply flag",
                {get_features_number, flags::version | flags::reply, 0});
}

void oversized(Trial& trial) {
  expect_closed(trial, "a header with a size of 1 MiB",
                {static_cast<std::uint32_t>(Request::set_mem_table), flags::version, 1 << 20});
}

void unknown_message(Trial& trial) {
  auto front = trial.up({}, {}, vhost_user::Step::memory);
  trial.expect_refused(front, static_cast<Request>(unknown_number), {});
}

void in_pieces(Trial& trial) {
  auto front = trial.connect();
  const auto offered = trial.expect(front.get(Request::get_features), "GET_FEATURES");
  const auto bytes =
      vhost_user::pack(Request::set_features,
                       offered & (bit(VIRTIO_F_VERSION_1) | bit(vhost_user::f_protocol_features)));
  const std::span<const std::byte> all(bytes);
  for (const auto piece : {all.first(6), all.subspan(6, 6), all.subspan(12, 3), all.subspan(15)}) {
    trial.expect(front.link().send_raw("a piece of SET_FEATURES", piece), "sending");
    // Until it was read, if it is read before the rest has come.
    static_cast<void>(trial.eventually([&front] { return !os::has_unread(front.link().fd()); }));
  }
  trial.settle(front);
}

void two_at_once(Trial& trial) {
  auto front = trial.connect();
  auto bytes = vhost_user::pack(Request::get_features, {});
  vhost_user::append(bytes, std::span<const std::byte>(bytes.data(), sizeof(Header)));
  trial.expect(front.link().send_raw("GET_FEATURES twice, in one send", bytes), "sending");
  for (int count = 0; count < 2; ++count)
    trial.expect(answer_of(trial, front).header.request == get_features_number,
                 "the answer is to something else");
}

void half_a_message(Trial& trial) {
  {
    auto front = trial.connect();
    const Header header{static_cast<std::uint32_t>(Request::set_features), flags::version, 8};
    trial.expect(front.link().send_raw("SET_FEATURES without its payload", payload(header)),
                 "sending");
  }
  trial.expect_alive("after half a message and a hang-up");
}

// A number may be used again for another file, but not at the same time.
std::string identity(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return text("{}:{}, {}.{}", found.st_dev, found.st_ino, found.st_ctim.tv_sec,
              found.st_ctim.tv_nsec);
}

void same_socket(Trial& trial) {
  const auto before = identity(trial.settings().socket);
  {
    auto front = trial.connect();
    trial.settle(front);
  }
  trial.expect_alive("after a hang-up");
  trial.expect(identity(trial.settings().socket) == before, "the socket is another file now");
}

void config_size(Trial& trial) {
  auto front = trial.up({}, {}, vhost_user::Step::set_features);
  for (const auto size : {4U, 8U}) {
    const auto reply = read_config(trial, front, 0, size);
    trial.expect(reply.size() == sizeof(ConfigAccess) + size,
                 "a request of {} + {} bytes has a reply of {}", sizeof(ConfigAccess), size,
                 reply.size());
  }
}

void config_beyond(Trial& trial) {
  auto front = trial.up({}, {}, vhost_user::Step::set_features);
  const auto sent = front.link().send(Request::get_config, config_request(4000, 8));
  trial.expect(sent, "GET_CONFIG");
  const auto reply = front.link().receive();
  if (!reply && reply.error().code == std::errc::connection_reset)
    return trial.expect_alive("after GET_CONFIG beyond the space");
  trial.expect(bool(reply), "{}", reply ? "" : reply.error().message);
  const auto access = vhost_user::head<ConfigAccess>(reply->payload);
  trial.expect(reply->payload.empty() || (access && access->size == 0) ||
                   reply->payload.size() == sizeof(ConfigAccess) + 8,
               "the reply has {} bytes", reply->payload.size());
  trial.settle(front);
}

void config_read_only(Trial& trial) {
  auto front = trial.up({}, {}, vhost_user::Step::set_features);
  const auto before = read_config(trial, front, 0, 8);
  auto change = config_request(0, 8);
  std::memset(change.data() + sizeof(ConfigAccess), 0x11, 8);
  trial.expect(front.link().send(Request::set_config, change), "SET_CONFIG");
  if (front.get(Request::get_features)) {
    const auto after = read_config(trial, front, 0, 8);
    trial.expect(after == before, "the capacity has changed");
  }
}

constexpr Statement messages_table[] = {
    {1,
     "GET_FEATURES is answered with 8 bytes, as a connection's first message",
     "vhost-user: GET_FEATURES",
     {},
     features_first},
    {2,
     "The flags of a reply are the version and the reply flag, nothing else",
     "vhost-user: Header",
     {},
     reply_flags},
    {3,
     "Protocol features can be read and set before SET_FEATURES and SET_OWNER",
     "vhost-user: GET_PROTOCOL_FEATURES",
     {.features = bit(vhost_user::f_protocol_features)},
     protocol_features_first},
    {4,
     "GET_FEATURES says the same after SET_FEATURES",
     "virtio 1.2: 2.2 Feature Bits",
     {},
     same_features},
    {5,
     "A message of another version ends the connection",
     "vhost-user: Header",
     {},
     other_version},
    {6,
     "A request with the reply flag ends the connection",
     "vhost-user: Header",
     {},
     reply_from_front_end},
    {7,
     "A payload longer than any message ends the connection before it is read",
     "vhost-user: Payload",
     {},
     oversized},
    {8,
     "An unknown message is not acknowledged as if it had been done",
     "vhost-user: REPLY_ACK",
     {.protocol_features = bit(feature::reply_ack)},
     unknown_message},
    {9, "A message may arrive in pieces", "vhost-user: Communication", {}, in_pieces},
    {10,
     "Messages may arrive together, and each is answered in order",
     "vhost-user: Communication",
     {},
     two_at_once},
    {11,
     "Half a message and a hang-up don't keep the next front-end out",
     "vhost-user: Communication",
     {},
     half_a_message},
    {12,
     "The listening socket outlives the connection, as the same file",
     "vhost-user: Communication",
     {},
     same_socket},
    {13,
     "The answer to GET_CONFIG is as long as the request",
     "vhost-user: GET_CONFIG",
     {.protocol_features = bit(feature::config), .config_space = true},
     config_size},
    {14,
     "GET_CONFIG beyond the space is answered or ends the connection, and does no harm",
     "vhost-user: GET_CONFIG",
     {.protocol_features = bit(feature::config)},
     config_beyond},
    {15,
     "SET_CONFIG does not change fields that a driver may only read",
     "vhost-user: SET_CONFIG",
     {.protocol_features = bit(feature::config), .kinds = std::uint8_t(Kind::blk)},
     config_read_only},
};

}  // namespace

std::span<const Statement> message_statements() noexcept {
  return messages_table;
}

}  // namespace bellwire::host::conform
