// SPDX-License-Identifier: BSD-3-Clause
//
// Tap: one end of a tap interface: what the kernel sends through the interface is read here, and
// what is written here arrives there. Frames are Ethernet's, without anything before them.
//
// Any thread. Source: Linux, Documentation/networking/tuntap.rst.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "vdev/os/fd.hpp"

namespace bellwire::os {

class Tap {
 public:
  /// Takes the interface of that name, or creates it for as long as this lives. Every error says
  /// what to do about it. EINVAL: no name for an interface, or another kind of interface has it;
  /// ENOENT: no /dev/net/tun; EACCES, EPERM: not allowed; EBUSY: another process has it.
  [[nodiscard]] static Result<Tap> open(const std::string& name);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// One frame; its size, at most that of `into`. Empty: there is none. An error: the interface is
  /// gone.
  [[nodiscard]] std::optional<std::size_t> read(std::span<std::byte> into,
                                                std::error_code& error) const noexcept;
  /// False: the kernel did not take it: the interface is down, or has enough to do.
  [[nodiscard]] bool write(std::span<const std::byte> frame) const noexcept;

 private:
  Tap(UniqueFd fd, std::string name) noexcept : fd_(std::move(fd)), name_(std::move(name)) {}
  UniqueFd fd_;
  std::string name_;
};

}  // namespace bellwire::os
