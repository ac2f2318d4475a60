// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceEntry: what a program says of a device that it runs by name: its own program
// (host/device/device_main.hpp), or the catalog (catalog.hpp), whose program is bellwire. There are
// three kinds:
//
//   ring_device()    lives on an attachment or, as a virtio device, on virtqueues, and so on any
//                    transport
//   pci_function()   a whole PCI device, for a transport that serves those
//   virtio_device()  likewise, for transports of virtio devices
//
// Each takes the device's class, or a function that makes one, which is called on the thread that
// will run the device. The texts of an entry must outlive it: they are usually literals.
#pragma once

#include <boost/asio/io_context.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vdev/core/device.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/devices/net/ethernet.hpp"
#include "vdev/devices/virtio_request_device.hpp"
#include "vdev/pci/function.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire {

/// What may be chosen of a virtio device; each has some of it.
struct VirtioOptions {
  std::optional<std::string> file = std::nullopt;    ///< --file
  std::optional<std::uint64_t> size = std::nullopt;  ///< --size, bytes
  bool null = false;                                 ///< --null
  bool read_only = false;                            ///< --read-only
  std::string serial = {};                           ///< --serial
  unsigned queues = 1;                               ///< --queues
  std::optional<std::string> tap = std::nullopt;     ///< --tap
  std::optional<std::string> mac = std::nullopt;     ///< --mac
  unsigned mtu = net::usual_mtu;                     ///< --mtu
  unsigned places = 1;                               ///< how many it is served at: see `ports`
};

/// Places that one process can serve.
constexpr unsigned most_places = 64;

using VirtioDevices = std::vector<std::unique_ptr<virtio::Device>>;

struct VirtioEntry {
  std::string_view name;
  std::string_view summary;
  std::span<const std::string_view> options;  ///< those that it has, such as "--file"
  /// Makes one for each place; `context` is what runs them.
  std::function<Result<VirtioDevices>(boost::asio::io_context& context,
                                      const VirtioOptions& options)>
      create;
  bool ports = false;   ///< it may be served at several places, each of which is a port of it
  bool random = false;  ///< what it writes is chance: a replay compares lengths alone
};

struct FunctionEntry {
  std::string_view name;
  std::string_view summary;
  std::function<std::unique_ptr<pci::Function>(boost::asio::io_context& context)> create;
};

struct RingEntry {
  std::string_view name;
  std::string_view summary;
  std::function<std::unique_ptr<Device>(boost::asio::io_context& context)> create;
  /// Whether that is how it answers, for guests that check; empty: any answer is right.
  std::function<bool(const Exchange& exchange)> right;
  /// The same device on virtqueues; nullopt: it is no RingDevice, and can't be run there.
  std::optional<VirtioEntry> on_virtqueues;
};

using DeviceEntry = std::variant<RingEntry, FunctionEntry, VirtioEntry>;

[[nodiscard]] inline std::string_view name_of(const DeviceEntry& entry) noexcept {
  return std::visit([](const auto& kind) { return kind.name; }, entry);
}
[[nodiscard]] inline std::string_view summary_of(const DeviceEntry& entry) noexcept {
  return std::visit([](const auto& kind) { return kind.summary; }, entry);
}

/// Makes a Kind, of the context if it takes one.
template <class Kind>
struct Make {
  std::unique_ptr<Kind> operator()(boost::asio::io_context& context) const {
    if constexpr (std::constructible_from<Kind, boost::asio::io_context&>)
      return std::make_unique<Kind>(context);
    else
      return std::make_unique<Kind>();
  }
};

namespace detail {

constexpr std::string_view ring_options[] = {"--queues"};

[[nodiscard]] Result<VirtioDevices> on_virtqueues(std::unique_ptr<RingDevice> device,
                                                  unsigned queues);

template <class Kind, class Create>
std::optional<VirtioEntry> virtqueues(std::string_view name, std::string_view summary,
                                      Create create) {
  if constexpr (std::derived_from<Kind, RingDevice>)
    return VirtioEntry{name, summary, ring_options,
                       [create](boost::asio::io_context& context, const VirtioOptions& options) {
                         return on_virtqueues(create(context), options.queues);
                       }};
  else
    return std::nullopt;
}

template <class Create>
using Made = typename std::invoke_result_t<Create, boost::asio::io_context&>::element_type;

}  // namespace detail

/// `create` returns a unique_ptr to a Device; RequestDevice and AsyncRequestDevice run on
/// virtqueues, too.
template <class Create>
requires std::derived_from<detail::Made<Create>, Device>
[[nodiscard]] RingEntry ring_device(std::string_view name, std::string_view summary, Create create,
                                    std::function<bool(const Exchange&)> right = {}) {
  auto virtqueues = detail::virtqueues<detail::Made<Create>>(name, summary, create);
  return {name, summary, std::move(create), std::move(right), std::move(virtqueues)};
}
template <std::derived_from<Device> Kind>
[[nodiscard]] RingEntry ring_device(std::string_view name, std::string_view summary,
                                    std::function<bool(const Exchange&)> right = {}) {
  return ring_device(name, summary, Make<Kind>(), std::move(right));
}

/// `create` returns a unique_ptr to a pci::Function.
template <class Create>
requires std::derived_from<detail::Made<Create>, pci::Function>
[[nodiscard]] FunctionEntry pci_function(std::string_view name, std::string_view summary,
                                         Create create) {
  return {name, summary, std::move(create)};
}
template <std::derived_from<pci::Function> Kind>
[[nodiscard]] FunctionEntry pci_function(std::string_view name, std::string_view summary) {
  return pci_function(name, summary, Make<Kind>());
}

/// `create` returns a unique_ptr to a virtio::Device.
template <class Create>
requires std::derived_from<detail::Made<Create>, virtio::Device>
[[nodiscard]] VirtioEntry virtio_device(std::string_view name, std::string_view summary,
                                        Create create) {
  const auto one = [create](boost::asio::io_context& context,
                            const VirtioOptions&) -> Result<VirtioDevices> {
    VirtioDevices devices;
    devices.push_back(create(context));
    return devices;
  };
  return {name, summary, {}, one};
}
template <std::derived_from<virtio::Device> Kind>
[[nodiscard]] VirtioEntry virtio_device(std::string_view name, std::string_view summary) {
  return virtio_device(name, summary, Make<Kind>());
}

}  // namespace bellwire
