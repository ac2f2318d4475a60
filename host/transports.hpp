// SPDX-License-Identifier: BSD-3-Clause
//
// The transports that a device can run on, by the name before the colon of `--on`. A new one joins
// by its line in transports.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vdev/core/transport.hpp"

namespace bellwire::host {

struct TransportEntry {
  std::string_view name;
  std::string_view syntax;
  std::string_view summary;
  Result<std::unique_ptr<Transport>> (*create)(boost::asio::io_context&, std::string_view where,
                                               GuestPlan& plan);
};

[[nodiscard]] std::span<const TransportEntry> transports() noexcept;

/// `on` is "NAME:WHERE". What WHERE says of the guest's doings goes to `plan`. EINVAL: no such
/// transport, or it can't read WHERE.
[[nodiscard]] Result<std::unique_ptr<Transport>> create_transport(boost::asio::io_context& context,
                                                                  std::string_view on,
                                                                  GuestPlan& plan);

}  // namespace bellwire::host
