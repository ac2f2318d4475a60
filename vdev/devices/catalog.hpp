// SPDX-License-Identifier: BSD-3-Clause
//
// The catalog: every device that there is, by name. A new device joins by its line in catalog.cpp.
// There are two kinds: devices that live on an attachment, so on any transport, and whole PCI
// functions, which need a transport that serves those.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "vdev/core/device.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/pci/function.hpp"

namespace bellwire {

struct CatalogEntry {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Device> (*create)();
  /// Whether that is how it answers, for guests that check.
  bool (*right)(const Exchange& exchange);
};

struct FunctionEntry {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<pci::Function> (*create)();
};

[[nodiscard]] std::span<const CatalogEntry> catalog() noexcept;
[[nodiscard]] std::span<const FunctionEntry> functions() noexcept;

/// Null if there is none of that name.
[[nodiscard]] const CatalogEntry* find_device(std::string_view name) noexcept;
[[nodiscard]] const FunctionEntry* find_function(std::string_view name) noexcept;
[[nodiscard]] std::unique_ptr<Device> create_device(std::string_view name);

}  // namespace bellwire
