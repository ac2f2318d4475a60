// SPDX-License-Identifier: BSD-3-Clause
//
// Netlink: a pair of user sockets between two processes, where a slow receiver holds the sender up;
// and the user's end of generic netlink, by plain sockets. The latter first asks the kernel for the
// numbers of the lab's family and group; then messages go either way.
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"
#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "vdev/os/fd.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

class NetlinkPair final : public Channel {
 public:
  Result<void> open() override {
    out_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK));
    in_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK));
    sockaddr_nl address{};  // port 0: the kernel gives one
    address.nl_family = AF_NETLINK;
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(out_.get(), any, size) != 0 || ::getsockname(out_.get(), any, &size) != 0 ||
        ::connect(in_.get(), any, size) != 0)
      return bellwire::system_fault("cannot make a pair of netlink user sockets");
    return {};
  }
  bool send(std::uint64_t number) noexcept override { return write_number(in_.get(), number); }
  Received wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  UniqueFd out_, in_;
};

constexpr Mechanism netlink_rows[] = {
    {"netlink user socket", "NETLINK_USERSOCK, unicast", "netlink.cpp:NetlinkPair",
     make<NetlinkPair>},
};

constexpr std::size_t attribute_head = NLA_HDRLEN;

// A message with attributes, as it is sent.
class Message {
 public:
  Message(std::uint16_t family, std::uint8_t command, std::uint8_t version) noexcept {
    head().nlmsg_type = family;
    head().nlmsg_flags = NLM_F_REQUEST;
    head().nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
    auto* generic = static_cast<genlmsghdr*>(NLMSG_DATA(&head()));
    generic->cmd = command;
    generic->version = version;
  }
  Message& put(std::uint16_t type, const void* data, std::size_t size) noexcept {
    const nlattr attribute{static_cast<__u16>(attribute_head + size), type};
    std::memcpy(bytes_.data() + head().nlmsg_len, &attribute, sizeof attribute);
    std::memcpy(bytes_.data() + head().nlmsg_len + attribute_head, data, size);
    head().nlmsg_len += static_cast<__u32>(NLA_ALIGN(attribute_head + size));
    return *this;
  }
  [[nodiscard]] bool send(int socket) noexcept {
    return ::send(socket, bytes_.data(), head().nlmsg_len, 0) > 0;
  }

 private:
  nlmsghdr& head() noexcept { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  alignas(nlmsghdr) std::array<std::byte, 128> bytes_{};
};

using Bytes = std::span<const std::byte>;

// The content of the first attribute of that type.
std::optional<Bytes> find(Bytes attributes, std::uint16_t type) noexcept {
  nlattr head{};
  while (attributes.size() >= sizeof head) {
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < attribute_head || head.nla_len > attributes.size()) return std::nullopt;
    if ((head.nla_type & NLA_TYPE_MASK) == type)
      return attributes.subspan(attribute_head, head.nla_len - attribute_head);
    attributes =
        attributes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), attributes.size()));
  }
  return std::nullopt;
}

template <class Number>
Number number_in(const std::optional<Bytes>& bytes) noexcept {
  Number number{};
  if (bytes && bytes->size() >= sizeof number) std::memcpy(&number, bytes->data(), sizeof number);
  return number;
}

// The attributes of the next message.
Bytes receive(int socket, std::span<std::byte> room) noexcept {
  constexpr std::size_t heads = NLMSG_HDRLEN + GENL_HDRLEN;
  const auto size = ::recv(socket, room.data(), room.size(), 0);
  if (size < static_cast<ssize_t>(heads)) return {};
  return Bytes(room).subspan(heads, static_cast<std::size_t>(size) - heads);
}

class GenericEnd : public Channel {
 public:
  explicit GenericEnd(LabSession& lab) noexcept : lab_(lab) {}
  Result<void> open() override {
    socket_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), any, size) != 0 || ::getsockname(socket_.get(), any, &size) != 0)
      return bellwire::system_fault("cannot bind a generic netlink socket");
    port_ = address.nl_pid;
    return ask_for_family();
  }
  Ends ends() const noexcept override { return {.port = port_}; }
  bool send(std::uint64_t number) noexcept override {
    return Message(family_, NOTIFY_LAB_CMD_NOTIFY, NOTIFY_LAB_FAMILY_VERSION)
        .put(NOTIFY_LAB_ATTR_SESSION, &session_, sizeof session_)
        .put(NOTIFY_LAB_ATTR_NUMBER, &number, sizeof number)
        .send(socket_.get());
  }
  Received wait(Numbers numbers) noexcept override {
    alignas(nlmsghdr) std::array<std::byte, 256> room;
    const auto number = find(receive(socket_.get(), room), NOTIFY_LAB_ATTR_NUMBER);
    if (!number) return {};
    numbers[0] = number_in<std::uint64_t>(number);
    return {1, 1};
  }

 protected:
  Result<void> ask_for_family() {
    session_ = lab_.info().session;
    Message question(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
    question.put(CTRL_ATTR_FAMILY_NAME, NOTIFY_LAB_FAMILY, sizeof NOTIFY_LAB_FAMILY);
    alignas(nlmsghdr) std::array<std::byte, 4096> room;
    if (!question.send(socket_.get())) return bellwire::system_fault("cannot ask generic netlink");
    const auto answer = receive(socket_.get(), room);
    family_ = number_in<std::uint16_t>(find(answer, CTRL_ATTR_FAMILY_ID));
    if (family_ == 0)
      return bellwire::fault(std::errc::no_such_device, "no netlink family '{}'",
                             NOTIFY_LAB_FAMILY);
    const auto groups = find(answer, CTRL_ATTR_MCAST_GROUPS).value_or(Bytes{});
    group_ =
        number_in<std::uint32_t>(find(find(groups, 1).value_or(Bytes{}), CTRL_ATTR_MCAST_GRP_ID));
    return {};
  }

  LabSession& lab_;
  UniqueFd socket_;
  std::uint32_t port_ = 0, session_ = 0, group_ = 0;
  std::uint16_t family_ = 0;
};

class GenericMember final : public GenericEnd {
 public:
  using GenericEnd::GenericEnd;
  Ends ends() const noexcept override { return {}; }
  Result<void> open() override {
    if (auto opened = GenericEnd::open(); !opened) return opened;
    if (::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group_, sizeof group_) !=
        0)
      return bellwire::system_fault("cannot join netlink group {}", group_);
    return {};
  }
};

}  // namespace

std::span<const Mechanism> netlink() {
  return netlink_rows;
}

std::unique_ptr<Channel> generic_unicast(LabSession& lab) {
  return std::make_unique<GenericEnd>(lab);
}
std::unique_ptr<Channel> generic_multicast(LabSession& lab) {
  return std::make_unique<GenericMember>(lab);
}

}  // namespace bell::compare
