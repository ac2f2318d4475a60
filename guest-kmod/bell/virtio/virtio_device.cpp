// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/virtio/virtio_device.hpp"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "vdev/core/address_range.hpp"

namespace bell {

using bellwire::fault;
using bellwire::fits;
namespace {

constexpr std::uint16_t vendor = 0x1AF4;
constexpr std::uint16_t first_modern = 0x1040;
constexpr auto longest_reset = std::chrono::seconds(10);
constexpr unsigned agreed =
    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;

// A field of the config space; the caller knows that it is within.
template <class Value>
Value field(const PciDevice::Config& config, std::size_t offset) noexcept {
  Value value;
  std::memcpy(&value, &config[offset], sizeof value);
  return value;
}

}  // namespace

// A list of capabilities that has no end is followed only so far.
Result<VirtioDevice::Found> VirtioDevice::find(const PciDevice::Config& config) {
  Found found;
  auto at = field<std::uint8_t>(config, PCI_CAPABILITY_LIST);
  for (unsigned left = 48; at != 0 && left > 0; --left) {
    if (!fits(at, sizeof(virtio_pci_notify_cap), config.size())) break;
    const auto capability = field<virtio_pci_cap>(config, at);
    const Structure place{capability.bar, capability.offset, capability.length};
    const bool known = capability.cap_vndr == PCI_CAP_ID_VNDR;
    if (known && capability.cfg_type == VIRTIO_PCI_CAP_COMMON_CFG) found.common = place;
    if (known && capability.cfg_type == VIRTIO_PCI_CAP_ISR_CFG) found.isr = place;
    if (known && capability.cfg_type == VIRTIO_PCI_CAP_DEVICE_CFG) found.device = place;
    if (known && capability.cfg_type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
      found.notify = place;
      found.stride = field<virtio_pci_notify_cap>(config, at).notify_off_multiplier;
    }
    at = capability.cap_next;
  }
  if (found.common.length == 0 || found.notify.length == 0 || found.isr.length == 0)
    return fault(std::errc::protocol_error, "its capabilities are not those of virtio-pci");
  return found;
}

Result<void> VirtioDevice::check(const Found& found, std::uint64_t bar_size) {
  for (const auto& structure : {found.common, found.notify, found.isr, found.device})
    if (structure.length > 0 &&
        (structure.bar != found.common.bar || !fits(structure.offset, structure.length, bar_size)))
      return fault(std::errc::protocol_error,
                   "a structure of {} bytes at {:#x} of BAR {} is not within BAR {} of {} bytes",
                   structure.length, structure.offset, structure.bar, found.common.bar, bar_size);
  if (found.common.length < VIRTIO_PCI_COMMON_Q_USEDHI + 4)
    return fault(std::errc::protocol_error, "its common configuration has only {} bytes",
                 found.common.length);
  return {};
}

Result<VirtioDevice> VirtioDevice::open(std::uint16_t id) {
  const auto device = static_cast<std::uint16_t>(first_modern + id);
  const auto config = PciDevice::read_config(vendor, device);
  if (!config) return config.error();
  const auto found = find(*config);
  if (!found) return found.error();
  if (auto unbound = PciDevice::unbind(vendor, device); !unbound) return unbound.error();
  auto pci = PciDevice::open(vendor, device, found->common.bar);
  if (!pci) return pci.error();
  if (auto good = check(*found, pci->size()); !good) return good.error();
  return VirtioDevice(std::move(*pci), *found);
}

Result<void> VirtioDevice::reset() const {
  set_status(0);
  const auto end = std::chrono::steady_clock::now() + longest_reset;
  while (get<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS) != 0) {
    if (std::chrono::steady_clock::now() > end)
      return fault(std::errc::timed_out, "{}: its reset does not end", pci_.address());
    ::usleep(1000);
  }
  return {};
}

std::uint64_t VirtioDevice::features() const noexcept {
  std::uint64_t features = 0;
  for (std::uint32_t half = 0; half < 2; ++half) {
    set(VIRTIO_PCI_COMMON_DFSELECT, half);
    features |= std::uint64_t{get<std::uint32_t>(VIRTIO_PCI_COMMON_DF)} << (32 * half);
  }
  return features;
}

bool VirtioDevice::agree(std::uint64_t features) const noexcept {
  set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
  set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
  for (std::uint32_t half = 0; half < 2; ++half) {
    set(VIRTIO_PCI_COMMON_GFSELECT, half);
    set(VIRTIO_PCI_COMMON_GF, static_cast<std::uint32_t>(features >> (32 * half)));
  }
  set_status(agreed);
  return get<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS) == agreed;
}

std::uint16_t VirtioDevice::most_entries(std::uint16_t queue) const noexcept {
  set(VIRTIO_PCI_COMMON_Q_SELECT, queue);
  return get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE);
}

// Each queue's doorbell is where the device says, within the notification structure.
Result<std::uint64_t> VirtioDevice::enable(std::uint16_t queue,
                                           const bellwire::virtio::QueueLayout& layout) const {
  set(VIRTIO_PCI_COMMON_Q_SELECT, queue);
  set(VIRTIO_PCI_COMMON_Q_SIZE, layout.size);
  const std::uint64_t addresses[] = {layout.descriptors, layout.driver_area, layout.device_area};
  for (std::uint32_t area = 0; area < 3; ++area) {
    set(VIRTIO_PCI_COMMON_Q_DESCLO + 8 * area, static_cast<std::uint32_t>(addresses[area]));
    set(VIRTIO_PCI_COMMON_Q_DESCHI + 8 * area, static_cast<std::uint32_t>(addresses[area] >> 32));
  }
  set(VIRTIO_PCI_COMMON_Q_ENABLE, std::uint16_t{1});
  const auto offset = std::uint64_t{get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_NOFF)} * stride_;
  if (!fits(offset, sizeof queue, notify_.length))
    return fault(std::errc::protocol_error, "{}: the doorbell of queue {} is at {:#x} of {:#x}",
                 pci_.address(), queue, offset, notify_.length);
  return notify_.offset + offset;
}

void VirtioDevice::start() const noexcept {
  set_status(agreed | VIRTIO_CONFIG_S_DRIVER_OK);
}

void VirtioDevice::notify(std::uint64_t doorbell, std::uint16_t queue) const noexcept {
  pci_.store_at(doorbell, queue);
}

}  // namespace bell
