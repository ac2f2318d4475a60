// SPDX-License-Identifier: BSD-3-Clause
//
// Sockets: AF_UNIX in pairs that the processes inherit, AF_INET over the loopback device. UDP drops
// the datagrams that the receiver's buffer has no room for, without an error.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "vdev/os/fd.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

template <int type>
class UnixPair final : public Channel {
 public:
  Result<void> open() override {
    int ends[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
      return bellwire::system_fault("cannot make a pair of unix sockets");
    out_.reset(ends[0]);
    in_.reset(ends[1]);
    return {};
  }
  Ends ends() const noexcept override { return {.sender = in_.get(), .receiver = out_.get()}; }
  bool send(std::uint64_t number) noexcept override { return write_number(in_.get(), number); }
  Received wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  UniqueFd out_, in_;
};

// Bound to a free port of 127.0.0.1; `address` becomes its address.
UniqueFd bound(int type, sockaddr_in& address) noexcept {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), any, size) != 0 || ::getsockname(socket.get(), any, &size) != 0)
    socket.reset();
  return socket;
}

UniqueFd connected(int type, const sockaddr_in& address) noexcept {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), any, sizeof address) != 0) socket.reset();
  return socket;
}

class Udp final : public Channel {
 public:
  Result<void> open() override {
    sockaddr_in address;
    out_ = bound(SOCK_DGRAM, address);
    if (!out_.valid()) return bellwire::system_fault("cannot bind a UDP socket to 127.0.0.1");
    in_ = connected(SOCK_DGRAM, address);
    if (!in_.valid()) return bellwire::system_fault("cannot reach 127.0.0.1 by UDP");
    return {};
  }
  Ends ends() const noexcept override { return {.sender = in_.get(), .receiver = out_.get()}; }
  bool send(std::uint64_t number) noexcept override { return write_number(in_.get(), number); }
  Received wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  UniqueFd out_, in_;
};

class Tcp final : public Channel {
 public:
  Result<void> open() override {
    sockaddr_in address;
    const auto listener = bound(SOCK_STREAM, address);
    if (!listener.valid() || ::listen(listener.get(), 1) != 0)
      return bellwire::system_fault("cannot listen to TCP on 127.0.0.1");
    in_ = connected(SOCK_STREAM, address);
    if (!in_.valid()) return bellwire::system_fault("cannot reach 127.0.0.1 by TCP");
    out_.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int at_once = 1;  // a notification doesn't wait for the next
    ::setsockopt(in_.get(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    if (!out_.valid()) return bellwire::system_fault("cannot accept TCP on 127.0.0.1");
    return {};
  }
  Ends ends() const noexcept override { return {.sender = in_.get(), .receiver = out_.get()}; }
  bool send(std::uint64_t number) noexcept override { return write_number(in_.get(), number); }
  Received wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  UniqueFd out_, in_;
};

constexpr Mechanism socket_rows[] = {
    {"AF_UNIX datagram", "a pair; one message per notification", "sockets.cpp:UnixPair",
     make<UnixPair<SOCK_DGRAM>>},
    {"AF_UNIX stream", "a pair; bytes", "sockets.cpp:UnixPair", make<UnixPair<SOCK_STREAM>>},
    {"AF_INET UDP",
     "datagrams over the loopback device",
     "sockets.cpp:Udp",
     make<Udp>,
     {.may_lose = true}},
    {"AF_INET TCP", "bytes over the loopback device", "sockets.cpp:Tcp", make<Tcp>},
};

}  // namespace

std::span<const Mechanism> sockets() {
  return socket_rows;
}

void bring_up_loopback() noexcept {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return;
  if ((request.ifr_flags & IFF_UP) != 0) return;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  ::ioctl(socket.get(), SIOCSIFFLAGS, &request);
}

}  // namespace bell::compare
