// SPDX-License-Identifier: BSD-3-Clause
//
// TapPort: a tap interface of this machine at a port of a switch. On the thread that runs the
// context. When the interface is deleted, the port is silent from then on, and the log says so.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "vdev/devices/net/switch.hpp"
#include "vdev/os/tap.hpp"

namespace bellwire::net {

class TapPort {
 public:
  /// The switch must live until the port is dropped. ENOSPC: it has no free port; or, as EMFILE and
  /// ENOMEM, the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<TapPort> create(boost::asio::io_context& context, Switch& net,
                                              os::Tap tap);
  TapPort(TapPort&&) noexcept;
  TapPort& operator=(TapPort&&) = delete;
  ~TapPort();

  [[nodiscard]] const PortCounts& counts() const noexcept;

 private:
  class Impl;
  explicit TapPort(std::shared_ptr<Impl> impl) noexcept;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bellwire::net
