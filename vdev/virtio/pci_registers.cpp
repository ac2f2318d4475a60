// SPDX-License-Identifier: BSD-3-Clause
//
// PciFunction's registers: BAR 0, and the window to it in the config space.
#include <algorithm>

#include "vdev/virtio/pci_function.hpp"
#include "vdev/virtio/pci_layout.hpp"

namespace bellwire::virtio {
namespace {

constexpr std::uint64_t low_half(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
constexpr std::uint64_t high_half(std::uint64_t value) {
  return value >> 32;
}

}  // namespace

// A field of the common configuration: what it reads as, and what a write does. Either may be
// missing. A driver uses a field's own width (section 4.1.3.1).
struct PciFunction::Row {
  unsigned offset;
  unsigned size;
  std::uint64_t (*read)(PciFunction&);
  void (*write)(PciFunction&, std::uint32_t) = nullptr;

  // A half of one of the selected queue's addresses.
  template <std::uint64_t QueueLayout::*Area, unsigned Shift>
  static constexpr Row address(unsigned offset) {
    return {offset, 4,
            [](PciFunction& self) -> std::uint64_t {
              const auto* const queue = self.selected();
              return queue != nullptr ? low_half(queue->layout.*Area >> Shift) : 0;
            },
            [](PciFunction& self, std::uint32_t value) { self.set_address(Area, Shift, value); }};
  }
};

const PciFunction::Row PciFunction::rows[] = {
    {VIRTIO_PCI_COMMON_DFSELECT, 4,
     [](PciFunction& self) -> std::uint64_t { return self.device_half_; },
     [](PciFunction& self, std::uint32_t value) { self.device_half_ = value; }},
    {VIRTIO_PCI_COMMON_DF, 4,
     [](PciFunction& self) -> std::uint64_t {
       const auto features = self.backend_->device_features();
       if (self.device_half_ > 1) return 0;
       return self.device_half_ == 0 ? low_half(features) : high_half(features);
     }},
    {VIRTIO_PCI_COMMON_GFSELECT, 4,
     [](PciFunction& self) -> std::uint64_t { return self.driver_half_; },
     [](PciFunction& self, std::uint32_t value) { self.driver_half_ = value; }},
    {VIRTIO_PCI_COMMON_GF, 4,
     [](PciFunction& self) -> std::uint64_t {
       if (self.driver_half_ > 1) return 0;
       return self.driver_half_ == 0 ? low_half(self.driver_features_)
                                     : high_half(self.driver_features_);
     },
     [](PciFunction& self, std::uint32_t value) { self.set_driver_features(value); }},
    {VIRTIO_PCI_COMMON_MSIX, 2,
     [](PciFunction& self) -> std::uint64_t { return self.config_vector_; },
     [](PciFunction& self, std::uint32_t value) {
       self.config_vector_ =
           value < self.interrupts().vectors() ? static_cast<std::uint16_t>(value) : no_vector;
     }},
    {VIRTIO_PCI_COMMON_NUMQ, 2,
     [](PciFunction& self) -> std::uint64_t { return self.queues_.size(); }},
    {VIRTIO_PCI_COMMON_STATUS, 1, [](PciFunction& self) -> std::uint64_t { return self.status(); },
     [](PciFunction& self, std::uint32_t value) {
       self.set_status(static_cast<std::uint8_t>(value));
     }},
    {VIRTIO_PCI_COMMON_CFGGENERATION, 1,
     [](PciFunction& self) -> std::uint64_t { return self.generation_; }},
    {VIRTIO_PCI_COMMON_Q_SELECT, 2,
     [](PciFunction& self) -> std::uint64_t { return self.selected_; },
     [](PciFunction& self, std::uint32_t value) {
       self.selected_ = static_cast<std::uint16_t>(value);
     }},
    // 0: there is no such queue.
    {VIRTIO_PCI_COMMON_Q_SIZE, 2,
     [](PciFunction& self) -> std::uint64_t {
       return self.selected() != nullptr ? self.selected()->size : 0;
     },
     [](PciFunction& self, std::uint32_t value) {
       self.set_size(static_cast<std::uint16_t>(value));
     }},
    {VIRTIO_PCI_COMMON_Q_MSIX, 2,
     [](PciFunction& self) -> std::uint64_t {
       return self.selected() != nullptr ? self.selected()->vector : no_vector;
     },
     [](PciFunction& self, std::uint32_t value) {
       self.set_vector(static_cast<std::uint16_t>(value));
     }},
    {VIRTIO_PCI_COMMON_Q_ENABLE, 2,
     [](PciFunction& self) -> std::uint64_t {
       return self.selected() != nullptr && self.selected()->enabled ? 1 : 0;
     },
     [](PciFunction& self, std::uint32_t value) {
       if (value == 1) self.enable();
     }},
    {VIRTIO_PCI_COMMON_Q_NOFF, 2,
     [](PciFunction& self) -> std::uint64_t { return self.selected_; }},
    Row::address<&QueueLayout::descriptors, 0>(VIRTIO_PCI_COMMON_Q_DESCLO),
    Row::address<&QueueLayout::descriptors, 32>(VIRTIO_PCI_COMMON_Q_DESCHI),
    Row::address<&QueueLayout::driver_area, 0>(VIRTIO_PCI_COMMON_Q_AVAILLO),
    Row::address<&QueueLayout::driver_area, 32>(VIRTIO_PCI_COMMON_Q_AVAILHI),
    Row::address<&QueueLayout::device_area, 0>(VIRTIO_PCI_COMMON_Q_USEDLO),
    Row::address<&QueueLayout::device_area, 32>(VIRTIO_PCI_COMMON_Q_USEDHI),
};

const PciFunction::Row* PciFunction::find(std::uint64_t offset, unsigned size) noexcept {
  const auto* const row = std::ranges::find(rows, offset, &Row::offset);
  return row != std::end(rows) && row->size == size ? row : nullptr;
}

// Writes of the notification registers may come as messages: they ring what KVM would ring.
void PciFunction::notify(std::uint64_t queue) noexcept {
  const auto& doorbells = bars()[bar::index].doorbells;
  if (queue < doorbells.size()) doorbells[queue].event.ring();
}

std::uint64_t PciFunction::read(std::uint64_t offset, unsigned size) noexcept {
  if (offset == bar::isr) return take_isr();
  if (offset >= bar::device && offset < bar::device + bar::page)
    return read_device(offset - bar::device, size);
  const auto* const row = find(offset, size);
  return row != nullptr ? row->read(*this) : 0;
}

void PciFunction::write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept {
  if (offset >= bar::notify) return notify((offset - bar::notify) / bar::notify_stride);
  if (offset >= bar::device) {
    const auto bytes = std::as_bytes(std::span(&value, 1)).first(size);
    return (void)backend_->write_config(offset - bar::device, bytes);
  }
  const auto* const row = find(offset, size);
  if (row != nullptr && row->write != nullptr) row->write(*this, static_cast<std::uint32_t>(value));
}

// Bytes behind the configuration read as zero.
std::uint64_t PciFunction::read_device(std::uint64_t offset, unsigned size) const noexcept {
  std::uint64_t value = 0;
  const auto bytes = std::as_writable_bytes(std::span(&value, 1)).first(size);
  return backend_->read_config(offset, bytes) ? value : 0;
}

// The window. Its capability begins at a multiple of 4, and so does its data.

namespace {

// What the guest has made the window show. Empty: nothing that can be read or written.
struct Shown {
  std::uint64_t offset;
  unsigned size;
};
std::optional<Shown> shown(const pci::ConfigSpace& config, std::size_t window) {
  const auto offset = config.load<std::uint32_t>(window + bar::window_offset);
  const auto size = config.load<std::uint32_t>(window + bar::window_length);
  if (config.load<std::uint8_t>(window + bar::window_bar) != bar::index) return std::nullopt;
  if ((size != 1 && size != 2 && size != 4) || offset % size != 0 || !fits(offset, size, bar::size))
    return std::nullopt;
  return Shown{offset, size};
}

bool touches(std::size_t offset, std::size_t size, std::size_t data) {
  return offset < data + sizeof(std::uint32_t) && data < offset + size;
}

}  // namespace

std::size_t PciFunction::window() const noexcept {
  std::size_t at = config().load(pci::header::capabilities);
  const auto is_window = [&] {
    return config().load<std::uint8_t>(at) == static_cast<unsigned>(pci::CapabilityId::vendor) &&
           config().load<std::uint8_t>(at + VIRTIO_PCI_CAP_CFG_TYPE) == VIRTIO_PCI_CAP_PCI_CFG;
  };
  while (!is_window()) at = config().load<std::uint8_t>(at + 1);
  return at;
}

void PciFunction::on_config_read(std::size_t offset, std::size_t size) noexcept {
  const auto at = window();
  if (!touches(offset, size, at + bar::window_data)) return;
  if (const auto place = shown(config(), at))
    own_config().store(at + bar::window_data,
                       static_cast<std::uint32_t>(read(place->offset, place->size)));
}

void PciFunction::on_config_write(std::size_t offset, std::size_t size) noexcept {
  const auto at = window();
  if (!touches(offset, size, at + bar::window_data)) return;
  const auto value = config().load<std::uint32_t>(at + bar::window_data);
  if (const auto place = shown(config(), at)) write(place->offset, place->size, value);
}

}  // namespace bellwire::virtio
