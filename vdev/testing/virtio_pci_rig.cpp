// SPDX-License-Identifier: BSD-3-Clause
//
// A device that echoes, a virtio-pci function, and a driver of its registers: directly, or by
// vfio-user. A function is both device and transport: the guest has no wires before it, and its end
// forgets the queues. So starting the device is what a driver does first, and stopping it a reset.
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <stdexcept>
#include <thread>

#include "vdev/devices/virtio_request_device.hpp"
#include "vdev/testing/vfio_user.hpp"
#include "vdev/testing/virtqueue_driver.hpp"
#include "vdev/testing/virtqueue_rigs.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"
#include "vdev/virtio/pci_function.hpp"
#include "vdev/virtio/pci_layout.hpp"

namespace bellwire::testing {
namespace {

constexpr std::uint64_t guest_base = 0x1'0000'0000;
constexpr std::uint64_t guest_size = 1 << 20;
constexpr unsigned agreed =
    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;

using Served = ServedFunction<virtio::PciFunction>;
using virtio::PciFunction;

// How a driver reaches a function.
class Access {
 public:
  virtual ~Access() = default;
  virtual std::uint64_t read(std::uint64_t offset, unsigned size) = 0;
  virtual void write(std::uint64_t offset, unsigned size, std::uint64_t value) = 0;
  virtual void give_memory(int fd, const MemoryView& view) = 0;
  virtual void connect_vectors(const std::vector<os::EventFd>& events) = 0;
  virtual std::vector<os::EventFd> doorbells() = 0;
};

class DirectAccess final : public Access {
 public:
  explicit DirectAccess(Served& served) : served_(served) {}
  std::uint64_t read(std::uint64_t offset, unsigned size) override {
    return served_.with([=](PciFunction& function) {
      return function.bars()[virtio::bar::index].registers->read(offset, size);
    });
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override {
    served_.with([=](PciFunction& function) {
      function.bars()[virtio::bar::index].registers->write(offset, size, value);
    });
  }
  void give_memory(int, const MemoryView& view) override {
    served_.with([&](PciFunction& function) {
      function.memory().add({.address = guest_base, .size = guest_size, .memory = view}).value();
    });
  }
  void connect_vectors(const std::vector<os::EventFd>& events) override {
    served_.with([&](PciFunction& function) {
      for (unsigned vector = 0; vector < events.size(); ++vector)
        function.interrupts().connect(pci::InterruptKind::msix, vector,
                                      events[vector].duplicate().value());
    });
  }
  std::vector<os::EventFd> doorbells() override {
    return served_.with([](PciFunction& function) {
      std::vector<os::EventFd> events;
      for (const auto& doorbell : function.bars()[virtio::bar::index].doorbells)
        events.push_back(doorbell.event.duplicate().value());
      return events;
    });
  }

 private:
  Served& served_;
};

class ClientAccess final : public Access {
 public:
  explicit ClientAccess(const std::string& path)
      : client_(vfio_user::Client::connect(path).value()) {}
  std::uint64_t read(std::uint64_t offset, unsigned size) override {
    std::uint64_t value = 0;
    client_.read(region, offset, std::as_writable_bytes(std::span(&value, 1)).first(size)).value();
    return value;
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override {
    client_.write(region, offset, std::as_bytes(std::span(&value, 1)).first(size)).value();
  }
  void give_memory(int fd, const MemoryView&) override {
    client_.map(guest_base, guest_size, fd).value();
  }
  void connect_vectors(const std::vector<os::EventFd>& events) override {
    client_.connect_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 0, events).value();
  }
  std::vector<os::EventFd> doorbells() override {
    std::vector<os::EventFd> events;
    for (auto& doorbell : client_.doorbells(region).value())
      events.push_back(std::move(doorbell.event));
    return events;
  }

 private:
  static constexpr std::uint32_t region = VFIO_PCI_BAR0_REGION_INDEX + virtio::bar::index;
  vfio_user::Client client_;
};

// Areas of a queue, one after the other, then the payload.
std::vector<VirtqueuePlace> places(const VirtqueuePlan& plan) {
  constexpr std::uint64_t each = guest_size / 8;
  std::vector<VirtqueuePlace> places;
  for (unsigned index = 0; index < plan.queues; ++index) {
    const auto at = guest_base + index * each;
    places.push_back({{.size = VirtqueueGuest::entries,
                       .packed = plan.packed,
                       .event_index = true,
                       .indirect = true,
                       .descriptors = at,
                       .driver_area = at + 0x1000,
                       .device_area = at + 0x2000},
                      at + 0x4000});
  }
  return places;
}

class VirtioPciRig final : public Rig {
 public:
  VirtioPciRig(const VirtqueuePlan& plan, std::unique_ptr<machine::Machine> machine,
               bool by_vfio_user)
      : plan_(plan),
        machine_(std::move(machine)),
        device_(make_device(plan.echoes), plan.queues),
        served_([this](boost::asio::io_context& context) {
          return PciFunction::create(context, device_, {.polling = plan_.polling}).value();
        }),
        guest_(view_, guest_base, places(plan)) {
    if (by_vfio_user)
      access_ = std::make_unique<ClientAccess>(served_.path());
    else
      access_ = std::make_unique<DirectAccess>(served_);
    auto interrupts = os::create_events(plan.queues).value();
    access_->give_memory(file_.get(), view_);
    access_->connect_vectors(interrupts);
    endpoint_.emplace(
        machine::Endpoint::plug(*machine_, access_->doorbells(), std::move(interrupts)).value());
  }

  void start_device() override;
  void stop_device() override {
    set_status(0);
    wait_until([](unsigned status) { return status == 0; }, "a reset did not end");
  }
  machine::Endpoint& endpoint() override { return *endpoint_; }
  std::unique_ptr<RequestDriver> driver(unsigned queue) override {
    return guest_.driver(queue, *this, [this] {
      wait_until([](unsigned status) { return (status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0; },
                 "a broken queue was not reported");
    });
  }
  void replace_drivers() override {
    stop_device();
    guest_.begin();
    start_device();
  }

 private:
  [[nodiscard]] unsigned status() {
    return static_cast<unsigned>(access_->read(VIRTIO_PCI_COMMON_STATUS, 1));
  }
  void set_status(unsigned status) { access_->write(VIRTIO_PCI_COMMON_STATUS, 1, status); }
  void agree_on_features();
  void place_queue(unsigned index);
  void wait_until(bool (*so)(unsigned status), const char* otherwise);

  const VirtqueuePlan plan_;
  std::unique_ptr<machine::Machine> machine_;
  VirtioRequestDevice device_;
  Served served_;
  os::UniqueFd file_{os::create_memfd("guest", guest_size).value()};
  MemoryView view_{os::Mapping::create(file_.get(), guest_size).value()};
  VirtqueueGuest guest_;
  std::unique_ptr<Access> access_;
  std::optional<machine::Endpoint> endpoint_;
};

// Section 3.1.1.
void VirtioPciRig::start_device() {
  set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
  set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
  agree_on_features();
  set_status(agreed);
  if (status() != agreed) throw std::runtime_error("the device does not agree on the features");
  for (unsigned index = 0; index < plan_.queues; ++index) place_queue(index);
  set_status(agreed | VIRTIO_CONFIG_S_DRIVER_OK);
}

void VirtioPciRig::agree_on_features() {
  using virtio::feature;
  const auto wanted = feature(VIRTIO_F_VERSION_1) | feature(VIRTIO_RING_F_EVENT_IDX) |
                      feature(VIRTIO_RING_F_INDIRECT_DESC) |
                      (plan_.packed ? feature(VIRTIO_F_RING_PACKED) : 0);
  for (unsigned half = 0; half < 2; ++half) {
    access_->write(VIRTIO_PCI_COMMON_GFSELECT, 4, half);
    access_->write(VIRTIO_PCI_COMMON_GF, 4, wanted >> (32 * half) & 0xFFFFFFFF);
  }
}

void VirtioPciRig::place_queue(unsigned index) {
  const auto& layout = guest_.layout(index);
  access_->write(VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
  access_->write(VIRTIO_PCI_COMMON_Q_SIZE, 2, layout.size);
  access_->write(VIRTIO_PCI_COMMON_Q_MSIX, 2, index);
  const std::uint64_t addresses[] = {layout.descriptors, layout.driver_area, layout.device_area};
  for (unsigned area = 0; area < 3; ++area) {
    access_->write(VIRTIO_PCI_COMMON_Q_DESCLO + 8 * area, 4, addresses[area] & 0xFFFFFFFF);
    access_->write(VIRTIO_PCI_COMMON_Q_DESCHI + 8 * area, 4, addresses[area] >> 32);
  }
  access_->write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

void VirtioPciRig::wait_until(bool (*so)(unsigned status), const char* otherwise) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!so(status())) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error(otherwise);
    std::this_thread::yield();
  }
}

Result<std::unique_ptr<Rig>> make(const VirtqueuePlan& plan, bool by_vfio_user) {
  auto machine = plan.machine({});
  if (!machine) return machine.error();
  return std::unique_ptr<Rig>(
      std::make_unique<VirtioPciRig>(plan, std::move(*machine), by_vfio_user));
}

}  // namespace

Result<std::unique_ptr<Rig>> make_virtio_pci_rig(const VirtqueuePlan& plan) {
  return make(plan, false);
}

Result<std::unique_ptr<Rig>> make_vfio_user_virtio_rig(const VirtqueuePlan& plan) {
  return make(plan, true);
}

}  // namespace bellwire::testing
