// SPDX-License-Identifier: BSD-3-Clause
//
// The transports that a device can run on, by the name before the colon of `--on`. To add one, give
// it a line in the table of transports.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vdev/core/transport.hpp"
#include "vdev/devices/entry.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::host {

/// Descriptors that the program opens beside the transport's.
struct FdDemand {
  unsigned per_wire = 0;  ///< per doorbell and its interrupt
  unsigned others = 0;
};

/// Serves a virtio device for as long as somebody has it.
using VirtioService = std::shared_ptr<void>;

/// How a virtio device is served.
struct VirtioPlan {
  virtio::BackendOptions backend = {};
  unsigned places = 1;             ///< that the process serves at once, each as large as this one
  unsigned other_descriptors = 0;  ///< that the process opens beside theirs
  /// Called when nobody can come any more.
  std::function<void()> on_end = {};
};

struct TransportEntry {
  std::string_view name;
  std::string_view syntax;
  std::string_view summary;
  /// Provides attachments; null: the transport has none.
  Result<std::unique_ptr<Transport>> (*create)(boost::asio::io_context&, std::string_view where,
                                               GuestPlan& plan, const FdDemand& demand, int stop);
  /// Serves a whole PCI function; null: the transport can't.
  Result<vfio_user::Server> (*serve)(boost::asio::io_context&, std::string_view where,
                                     pci::Function&) = nullptr;
  /// Serves a virtio device; null: the transport can't.
  Result<VirtioService> (*serve_virtio)(boost::asio::io_context&, std::string_view where,
                                        virtio::Device&, const VirtioPlan&) = nullptr;
  /// What runs the guest that the transport includes; empty: it includes none.
  std::string_view accelerator = {};
};

[[nodiscard]] std::span<const TransportEntry> transports() noexcept;

/// Whether that device can run there.
[[nodiscard]] bool runs(const TransportEntry& transport, const DeviceEntry& device) noexcept;

/// `on` is "NAME:WHERE". What WHERE says about the guest's work goes to `plan`. EINVAL: no such
/// transport, or WHERE is wrong. EMFILE: the process may have fewer descriptors than a guest can
/// make it need. ECANCELED: `stop`, a descriptor, became readable while the transport waited.
[[nodiscard]] Result<std::unique_ptr<Transport>> create_transport(boost::asio::io_context& context,
                                                                  std::string_view on,
                                                                  GuestPlan& plan,
                                                                  const FdDemand& demand, int stop);

/// Whether a ring device runs there on virtqueues, as a virtio device: the transport has no
/// attachments, or WHERE asks for that. False as well if `on` is wrong.
[[nodiscard]] bool on_virtqueues(std::string_view on);

/// The accelerator of the transport that `on` names; empty: it can't be known here.
[[nodiscard]] std::optional<std::string> accelerator_of(std::string_view on);

/// The path of the socket that is made or connected to; empty: none.
[[nodiscard]] std::optional<std::string> socket_of(std::string_view on);

/// The path of the socket that is made; empty: none.
[[nodiscard]] std::optional<std::string> served_socket_of(std::string_view on);

/// As create_transport(), for a whole PCI function, which must outlive the server.
[[nodiscard]] Result<vfio_user::Server> serve_function(boost::asio::io_context& context,
                                                       pci::Function& function,
                                                       std::string_view on);

/// As create_transport(), for a virtio device, which must outlive the service.
[[nodiscard]] Result<VirtioService> serve_virtio(boost::asio::io_context& context,
                                                 virtio::Device& device, std::string_view on,
                                                 const VirtioPlan& plan);

}  // namespace bellwire::host
