// SPDX-License-Identifier: BSD-3-Clause
//
// VirtioDevice: a virtio-pci device of the modern kind, driven from user space: the structures that
// its capabilities describe, in one BAR. The device is not trusted: what the capabilities say is
// checked. One thread.
//
// Source: virtio 1.2, sections 3.1.1 and 4.1; <linux/virtio_pci.h>.
#pragma once

#include <linux/virtio_pci.h>

#include "guest-kmod/bell/pci/user_driver.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bell {

class VirtioDevice {
 public:
  /// Takes the first device of that virtio ID away from the kernel's driver. ENODEV: there is none.
  /// EPROTO: its capabilities are no modern device's.
  [[nodiscard]] static Result<VirtioDevice> open(std::uint16_t id);

  [[nodiscard]] const PciDevice& pci() const noexcept { return pci_; }
  /// Bytes of the device's own configuration; 0: it has none.
  [[nodiscard]] std::uint32_t config_size() const noexcept { return device_.length; }
  [[nodiscard]] std::uint8_t config(std::uint32_t offset) const noexcept {
    return pci_.load_at<std::uint8_t>(device_.offset + offset);
  }

  /// ETIMEDOUT: it takes too long.
  [[nodiscard]] Result<void> reset() const;
  [[nodiscard]] std::uint64_t features() const noexcept;
  /// False: the device does not agree.
  [[nodiscard]] bool agree(std::uint64_t features) const noexcept;
  /// The most entries that a queue may have; 0: there is no such queue.
  [[nodiscard]] std::uint16_t most_entries(std::uint16_t queue) const noexcept;
  /// Returns the queue's doorbell. EPROTO: it is not within the device's structures.
  [[nodiscard]] Result<std::uint64_t> enable(std::uint16_t queue,
                                             const bellwire::virtio::QueueLayout& layout) const;
  /// The driver is ready: the device serves its queues.
  void start() const noexcept;
  void notify(std::uint64_t doorbell, std::uint16_t queue) const noexcept;
  /// Whether it has used buffers since this was last asked, by the ISR status.
  [[nodiscard]] bool take_interrupt() const noexcept {
    return (pci_.load_at<std::uint8_t>(isr_.offset) & 1) != 0;
  }

 private:
  struct Structure {
    std::uint32_t bar = 0, offset = 0, length = 0;  // no length: there is none
  };
  struct Found {
    Structure common, notify, isr, device;
    std::uint32_t stride = 0;  // of the notification registers
  };
  [[nodiscard]] static Result<Found> find(const PciDevice::Config& config);
  [[nodiscard]] static Result<void> check(const Found& found, std::uint64_t bar_size);
  VirtioDevice(PciDevice pci, const Found& found) noexcept
      : pci_(std::move(pci)),
        common_(found.common),
        notify_(found.notify),
        isr_(found.isr),
        device_(found.device),
        stride_(found.stride) {}

  template <class Value>
  void set(std::uint32_t field, Value value) const noexcept {
    pci_.store_at<Value>(common_.offset + field, value);
  }
  template <class Value>
  [[nodiscard]] Value get(std::uint32_t field) const noexcept {
    return pci_.load_at<Value>(common_.offset + field);
  }
  void set_status(unsigned status) const noexcept {
    set(VIRTIO_PCI_COMMON_STATUS, static_cast<std::uint8_t>(status));
  }

  PciDevice pci_;
  Structure common_, notify_, isr_, device_;
  std::uint32_t stride_;
};

}  // namespace bell
