// SPDX-License-Identifier: BSD-3-Clause
//
// AF_UNIX sockets, in pairs that the processes inherit.
#include <sys/socket.h>

#include "guest-kmod/bell/compare/mechanism.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell::compare {
namespace {

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
  Taken wait(Numbers numbers) noexcept override { return read_numbers(out_.get(), numbers); }

 private:
  bellwire::os::UniqueFd out_, in_;
};

constexpr Mechanism unix_rows[] = {
    {"AF_UNIX datagram", "a pair; a message a notification", "unix_sockets.cpp:UnixPair",
     make<UnixPair<SOCK_DGRAM>>},
    {"AF_UNIX stream", "a pair; bytes", "unix_sockets.cpp:UnixPair", make<UnixPair<SOCK_STREAM>>},
};

}  // namespace

std::span<const Mechanism> unix_sockets() {
  return unix_rows;
}

}  // namespace bell::compare
