// SPDX-License-Identifier: BSD-3-Clause
//
// Where a virtio device's structures are in BAR 0 of its PCI function, what its capabilities say of
// that, and its identity. Source: virtio 1.2, sections 4.1.2, 4.1.4 and 5; <linux/virtio_pci.h>.
#pragma once

#include <linux/virtio_pci.h>

#include <vector>

#include "vdev/pci/config_space.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire::virtio::bar {

constexpr unsigned index = 0;
constexpr std::uint64_t size = 16384;

// A page each.
constexpr std::uint64_t common = 0x0000;
constexpr std::uint64_t isr = 0x1000;
constexpr std::uint64_t device = 0x2000;
constexpr std::uint64_t notify = 0x3000;
constexpr std::uint64_t page = 0x1000;

constexpr std::uint64_t common_size = 56;   // without what later features add
constexpr std::uint64_t notify_stride = 4;  // bytes from one queue's register to the next one's
constexpr unsigned most_queues = page / notify_stride;

/// The capability by which firmware reaches the BAR through the config space: where its own fields
/// are, from its beginning.
constexpr std::size_t window_bar = 4;
constexpr std::size_t window_offset = 8;
constexpr std::size_t window_length = 12;
constexpr std::size_t window_data = 16;

[[nodiscard]] std::vector<pci::VendorCapability> capabilities(const Traits& traits);
[[nodiscard]] pci::Identity identity(const Traits& traits) noexcept;

}  // namespace bellwire::virtio::bar
