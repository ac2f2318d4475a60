// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/pci_layout.hpp"

#include <array>

namespace bellwire::virtio::bar {
namespace {

constexpr std::size_t head = 2;  // a capability's ID and link, which the builder writes

// As struct virtio_pci_cap, behind the head, and what follows it.
pci::VendorCapability capability(std::uint8_t type, std::uint32_t offset, std::uint32_t length,
                                 std::size_t more = 0) {
  const auto whole = sizeof(virtio_pci_cap) + more;
  virtio_pci_cap fields{};
  fields.cap_len = static_cast<std::uint8_t>(whole);
  fields.cfg_type = type;
  fields.bar = index;
  fields.offset = offset;
  fields.length = length;
  std::vector<std::byte> body(whole - head);
  std::memcpy(body.data(), reinterpret_cast<const std::byte*>(&fields) + head,
              sizeof fields - head);
  return {.body = std::move(body)};
}

pci::VendorCapability notify_capability() {
  auto made = capability(VIRTIO_PCI_CAP_NOTIFY_CFG, notify, page, sizeof(std::uint32_t));
  const auto stride = static_cast<std::uint32_t>(notify_stride);
  std::memcpy(made.body.data() + VIRTIO_PCI_NOTIFY_CAP_MULT - head, &stride, sizeof stride);
  return made;
}

// The guest chooses where it looks: BAR, offset, length and data.
pci::VendorCapability window_capability() {
  constexpr std::byte all{0xFF};
  auto made = capability(VIRTIO_PCI_CAP_PCI_CFG, 0, 0, sizeof(std::uint32_t));
  made.writable.resize(made.body.size());
  made.writable[window_bar - head] = all;
  std::fill(made.writable.begin() + window_offset - head, made.writable.end(), all);
  return made;
}

constexpr std::uint32_t class_of(std::uint16_t id) noexcept {
  switch (id) {
    case VIRTIO_ID_NET:
      return 0x020000;
    case VIRTIO_ID_BLOCK:
      return 0x010000;
    case VIRTIO_ID_CONSOLE:
      return 0x078000;
    default:
      return 0x00FF00;
  }
}

}  // namespace

std::vector<pci::VendorCapability> capabilities(const Traits& traits) {
  std::vector<pci::VendorCapability> made;
  made.push_back(capability(VIRTIO_PCI_CAP_COMMON_CFG, common, common_size));
  made.push_back(notify_capability());
  made.push_back(capability(VIRTIO_PCI_CAP_ISR_CFG, isr, 1));
  if (traits.config_size > 0)
    made.push_back(capability(VIRTIO_PCI_CAP_DEVICE_CFG, device,
                              static_cast<std::uint32_t>(traits.config_size)));
  made.push_back(window_capability());
  return made;
}

pci::Identity identity(const Traits& traits) noexcept {
  constexpr std::uint16_t vendor = 0x1AF4;
  constexpr std::uint16_t first_modern = 0x1040;
  return {.vendor = vendor,
          .device = static_cast<std::uint16_t>(first_modern + traits.id),
          .subsystem_vendor = vendor,
          .subsystem_device = 0x1100,
          .class_code = class_of(traits.id),
          .revision = 1};
}

}  // namespace bellwire::virtio::bar
