// SPDX-License-Identifier: BSD-3-Clause
//
// The catalog: every device that there is, by name. A new device joins by its line in catalog.cpp.
// There are three kinds: ring devices, which live on an attachment or, as virtio devices, on
// virtqueues, and so on any transport; whole PCI functions, which need a transport that serves
// those; and virtio devices, likewise.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/core/device.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/devices/net/ethernet.hpp"
#include "vdev/pci/function.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire {

struct FunctionEntry {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<pci::Function> (*create)();
};

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

using VirtioDevices = std::vector<std::unique_ptr<virtio::Device>>;

struct VirtioEntry {
  std::string_view name;
  std::string_view summary;
  std::span<const std::string_view> options;  ///< those that it has, such as "--file"
  /// Makes one for each place; `context` is what runs them.
  Result<VirtioDevices> (*create)(boost::asio::io_context& context, const VirtioOptions& options);
  bool ports = false;  ///< it may be served at several places, each of which is a port of it
};

/// A ring device.
struct CatalogEntry {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Device> (*create)();
  /// Whether that is how it answers, for guests that check.
  bool (*right)(const Exchange& exchange);
  /// The same device on virtqueues.
  VirtioEntry on_virtqueues;
};

/// Places that one process can serve.
constexpr unsigned most_places = 64;

[[nodiscard]] std::span<const CatalogEntry> catalog() noexcept;
[[nodiscard]] std::span<const FunctionEntry> functions() noexcept;
[[nodiscard]] std::span<const VirtioEntry> virtio_devices() noexcept;

/// Null if there is none of that name.
[[nodiscard]] const CatalogEntry* find_device(std::string_view name) noexcept;
[[nodiscard]] const FunctionEntry* find_function(std::string_view name) noexcept;
[[nodiscard]] const VirtioEntry* find_virtio(std::string_view name) noexcept;
[[nodiscard]] std::unique_ptr<Device> create_device(std::string_view name);

}  // namespace bellwire
