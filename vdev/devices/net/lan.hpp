// SPDX-License-Identifier: BSD-3-Clause
//
// A switch with network cards, and perhaps a tap: what a process of `bellwire device net` serves.
// The switch and the tap live as long as one of the cards. On the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vdev/devices/net/net.hpp"

namespace bellwire::net {

struct LanOptions {
  unsigned cards = 1;
  std::uint16_t mtu = usual_mtu;
  /// Of the first card; those of the others follow. Empty: random ones.
  std::optional<MacAddress> first = std::nullopt;
  std::optional<std::string> tap = std::nullopt;  ///< the name of an interface of this machine
};

/// EINVAL: an address after the first is not one station's. Errors of the tap (os::Tap::open(),
/// TapPort::create()).
[[nodiscard]] Result<std::vector<std::unique_ptr<Net>>> create_lan(boost::asio::io_context& context,
                                                                   const LanOptions& options);

}  // namespace bellwire::net
