// SPDX-License-Identifier: BSD-3-Clause
//
// PciFunction: a virtio device as a whole PCI device, of the modern kind, that every stock driver
// knows: common configuration, notification registers, ISR status and device configuration in BAR
// 0, MSI-X in BAR 4, and INTx for a driver that uses no MSI-X. A Backend runs its queues.
//
// Each queue has its own notification register, which is a doorbell: a client of the transport may
// have KVM take the writes. A write that comes as a message rings the same eventfd.
//
// A queue that breaks, and a device that can't be started, set DEVICE_NEEDS_RESET and tell the
// driver by a configuration change (virtio 1.2, section 2.1.2); a reset repairs it.
//
// All on the thread of the context. Source: virtio 1.2, section 4.1.
#pragma once

#include "vdev/loop/event_reader.hpp"
#include "vdev/pci/function.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::virtio {

class PciFunction final : public pci::Function, private RegisterBlock, private QueueObserver {
 public:
  /// Both must outlive it. EINVAL: more queues than fit a BAR or MSI-X. Errors of
  /// Backend::create().
  [[nodiscard]] static Result<std::unique_ptr<PciFunction>> create(
      boost::asio::io_context& context, Device& device, const BackendOptions& options = {});
  ~PciFunction() override;

  [[nodiscard]] const Backend& backend() const noexcept { return *backend_; }

 private:
  struct Row;
  struct IntxReader;
  // What the driver sets of a queue.
  struct Queue {
    std::uint16_t size = 0;
    std::uint16_t vector = no_vector;
    bool enabled = false;
    QueueLayout layout = {};  // the addresses
  };
  static constexpr std::uint16_t no_vector = 0xFFFF;  // VIRTIO_MSI_NO_VECTOR
  static const Row rows[];

  PciFunction(pci::Plan plan, const Traits& traits, os::EventFd intx);
  [[nodiscard]] static Result<pci::Plan> plan(const Traits& traits);
  [[nodiscard]] Result<void> begin(boost::asio::io_context& context, Device& device,
                                   const BackendOptions& options, const os::EventFd& intx);

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override;
  void on_config_read(std::size_t offset, std::size_t size) noexcept override;
  void on_config_write(std::size_t offset, std::size_t size) noexcept override;
  void on_reset() noexcept override;
  void on_client_gone() noexcept override;
  void broken(const Error& why) noexcept override;

  // The structures of BAR 0.
  [[nodiscard]] static const Row* find(std::uint64_t offset, unsigned size) noexcept;
  std::uint8_t take_isr() noexcept;
  std::uint64_t read_device(std::uint64_t offset, unsigned size) const noexcept;
  void notify(std::uint64_t queue) noexcept;

  // The common configuration.
  [[nodiscard]] Queue* selected() noexcept;
  [[nodiscard]] std::uint8_t status() const noexcept;
  void set_status(std::uint8_t status) noexcept;
  void set_driver_features(std::uint32_t half) noexcept;
  [[nodiscard]] bool agree() noexcept;
  void set_size(std::uint16_t size) noexcept;
  void set_vector(std::uint16_t vector) noexcept;
  void enable() noexcept;
  void set_address(std::uint64_t QueueLayout::*area, unsigned shift, std::uint32_t half) noexcept;

  void start(unsigned index) noexcept;
  void run_queues() noexcept;
  void forget() noexcept;
  void needs_reset(const Error& why) noexcept;
  void config_changed() noexcept;
  void raise_intx(std::uint8_t reason) noexcept;
  [[nodiscard]] Interrupt call_of(const Queue& queue) const;
  [[nodiscard]] std::size_t window() const noexcept;

  const Traits traits_;
  std::vector<Queue> queues_;
  std::uint32_t device_half_ = 0;  // which 32 bits of the features are seen
  std::uint32_t driver_half_ = 0;
  std::uint64_t driver_features_ = 0;
  std::uint16_t config_vector_ = no_vector;
  std::uint16_t selected_ = 0;
  std::uint8_t generation_ = 0;
  std::uint8_t isr_ = 0;
  bool needs_reset_ = false;
  InterruptLine intx_;  // of queues without a vector
  std::shared_ptr<IntxReader> intx_reader_;
  std::optional<Backend> backend_;
  Registration config_listener_;
};

}  // namespace bellwire::virtio
