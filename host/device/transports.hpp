// SPDX-License-Identifier: BSD-3-Clause
//
// The transports that a device can run on, by the name before the colon of `--on`. A new one joins
// by its line in transports.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vdev/core/transport.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace bellwire::host {

/// Descriptors that the program opens beside the transport.
struct Demand {
  unsigned each_wire = 0;  ///< for a doorbell and its interrupt
  unsigned besides = 0;
};

struct TransportEntry {
  std::string_view name;
  std::string_view syntax;
  std::string_view summary;
  Result<std::unique_ptr<Transport>> (*create)(boost::asio::io_context&, std::string_view where,
                                               GuestPlan& plan, const Demand& demand);
  /// How it serves a whole PCI function; null: it has no way to.
  Result<vfio_user::Server> (*serve)(boost::asio::io_context&, std::string_view where,
                                     pci::Function&) = nullptr;
  /// What runs its guest; empty: whoever brings the guest knows.
  std::string_view accelerator = {};
};

[[nodiscard]] std::span<const TransportEntry> transports() noexcept;

/// `on` is "NAME:WHERE". What WHERE says of the guest's doings goes to `plan`. EINVAL: no such
/// transport, or it can't read WHERE. EMFILE: a guest may make the process need more descriptors
/// than it may have.
[[nodiscard]] Result<std::unique_ptr<Transport>> create_transport(boost::asio::io_context& context,
                                                                  std::string_view on,
                                                                  GuestPlan& plan,
                                                                  const Demand& demand);

/// Of the transport that `on` names; empty: it can't be known here.
[[nodiscard]] std::optional<std::string> accelerator_of(std::string_view on);

/// The same, for a device that is a whole PCI function, which must outlive the server.
[[nodiscard]] Result<vfio_user::Server> serve_function(boost::asio::io_context& context,
                                                       pci::Function& function,
                                                       std::string_view on);

}  // namespace bellwire::host
