// SPDX-License-Identifier: BSD-3-Clause
//
// The catalog: every device of bellwire's own, by name, as entry.hpp describes it. A new device
// joins by its line in catalog.cpp.
#pragma once

#include <span>
#include <string_view>

#include "vdev/devices/entry.hpp"

namespace bellwire {

/// The ring devices, then the PCI functions, then the virtio devices.
[[nodiscard]] std::span<const DeviceEntry> catalog();

/// Null if there is none of that name.
[[nodiscard]] const DeviceEntry* find_device(std::string_view name);

}  // namespace bellwire
