// SPDX-License-Identifier: BSD-3-Clause
//
// AF_INET over the loopback device. Of UDP's datagrams, those that the receiver has no room for
// are dropped without a word.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "guest-kmod/bell/compare/mechanism.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

// Bound to a free port of 127.0.0.1, which `address` then tells.
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
  Taken wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

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
  Taken wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  UniqueFd out_, in_;
};

constexpr Mechanism internet_rows[] = {
    {"AF_INET UDP",
     "datagrams over the loopback device",
     "internet_sockets.cpp:Udp",
     make<Udp>,
     {.may_lose = true}},
    {"AF_INET TCP", "bytes over the loopback device", "internet_sockets.cpp:Tcp", make<Tcp>},
};

}  // namespace

std::span<const Mechanism> internet_sockets() {
  return internet_rows;
}

}  // namespace bell::compare
