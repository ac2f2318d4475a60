// SPDX-License-Identifier: BSD-3-Clause
//
// Netlink between two processes; a receiver that is slow holds the sender up.
#include <linux/netlink.h>
#include <sys/socket.h>

#include "guest-kmod/bell/compare/mechanism.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell::compare {
namespace {

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
  Taken wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  bellwire::os::UniqueFd out_, in_;
};

constexpr Mechanism netlink_rows[] = {
    {"netlink user socket", "NETLINK_USERSOCK, unicast", "netlink.cpp:NetlinkPair",
     make<NetlinkPair>},
};

}  // namespace

std::span<const Mechanism> netlink() {
  return netlink_rows;
}

}  // namespace bell::compare
