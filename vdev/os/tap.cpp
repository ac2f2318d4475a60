// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace bellwire::os {
namespace {

constexpr const char* node = "/dev/net/tun";

Error node_fault(const std::string& name) {
  if (errno == ENOENT)
    return system_fault("cannot make the tap '{}': there is no {} (load it with: modprobe tun)",
                        name, node);
  return system_fault("cannot make the tap '{}': {} can't be opened (as root: chmod 666 {})", name,
                      node, node);
}

Error interface_fault(const std::string& name) {
  if (errno == EPERM)
    return system_fault(
        "cannot make the tap '{}' (make it once, as root: ip tuntap add {} mode tap user "
        "$USER && ip link set {} up)",
        name, name, name);
  if (errno == EBUSY)
    return system_fault("another process has the tap '{}': end it, or choose another name", name);
  if (errno == EINVAL)
    return system_fault("'{}' is an interface that is no tap: choose another name", name);
  return system_fault("cannot make the tap '{}'", name);
}

Result<void> check_name(const std::string& name) {
  const bool fits = !name.empty() && name.size() < IFNAMSIZ;
  const bool wrong = name == "." || name == ".." || name.find_first_of("/:% \t\n") < name.size();
  if (fits && !wrong) return {};
  return fault(std::errc::invalid_argument,
               "'{}' can't be the name of a tap: choose one of up to {} letters and digits", name,
               IFNAMSIZ - 1);
}

}  // namespace

Result<Tap> Tap::open(const std::string& name) {
  if (auto good = check_name(name); !good) return good.error();
  UniqueFd fd(::open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return node_fault(name);
  ifreq request{};
  std::ranges::copy(name, std::begin(request.ifr_name));
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return interface_fault(name);
  return Tap(std::move(fd), name);
}

std::optional<std::size_t> Tap::read(std::span<std::byte> into,
                                     std::error_code& error) const noexcept {
  error.clear();
  const auto size = ::read(fd_.get(), into.data(), into.size());
  if (size >= 0) return static_cast<std::size_t>(size);
  if (errno != EAGAIN && errno != EINTR) error.assign(errno, std::system_category());
  return std::nullopt;
}

bool Tap::write(std::span<const std::byte> frame) const noexcept {
  return ::write(fd_.get(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

}  // namespace bellwire::os
