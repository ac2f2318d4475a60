// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/pci_function.hpp"

#include <linux/virtio_config.h>

#include <algorithm>

#include "vdev/log/log.hpp"
#include "vdev/virtio/pci_layout.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {
namespace {

constexpr std::uint8_t isr_queue = 1 << 0;
constexpr std::uint8_t isr_config = 1 << 1;

pci::Plan with_registers(pci::Plan plan, RegisterBlock& registers) {
  plan.bars[bar::index].registers = &registers;
  return plan;
}

}  // namespace

// Without MSI-X, an interrupt of a queue comes to the loop first: it has to be shown in the ISR
// status.
struct PciFunction::IntxReader final : EventOwner, std::enable_shared_from_this<IntxReader> {
  IntxReader(PciFunction& function, EventReader reads) noexcept
      : owner(function), reader(std::move(reads)) {}
  void on_event(unsigned, std::uint64_t) override {
    owner.raise_intx(isr_queue);
    reader.wait(shared_from_this());
  }
  PciFunction& owner;
  EventReader reader;
};

Result<std::unique_ptr<PciFunction>> PciFunction::create(boost::asio::io_context& context,
                                                         Device& device,
                                                         const BackendOptions& options) {
  const auto traits = device.traits();
  if (traits.queues > bar::most_queues || traits.config_size > bar::page)
    return fault(std::errc::invalid_argument,
                 "{}: {} queues and {} bytes of configuration; a PCI device has room for {} and {}",
                 traits.kind, traits.queues, traits.config_size, bar::most_queues, bar::page);
  auto plan = PciFunction::plan(traits);
  if (!plan) return plan.error();
  auto intx = os::EventFd::create();
  if (!intx) return intx.error();
  auto theirs = intx->duplicate();
  if (!theirs) return theirs.error();
  std::unique_ptr<PciFunction> function(
      new PciFunction(*std::move(plan), traits, *std::move(theirs)));
  if (auto begun = function->begin(context, device, options, *intx); !begun) return begun.error();
  return function;
}

Result<pci::Plan> PciFunction::plan(const Traits& traits) {
  pci::Plan plan;
  plan.identity = bar::identity(traits);
  auto& place = plan.bars[bar::index];
  place.shape = {pci::BarKind::memory32, bar::size};
  for (unsigned queue = 0; queue < traits.queues; ++queue) {
    auto event = os::EventFd::create_shared();
    if (!event) return event.error();
    place.doorbells.push_back({.offset = bar::notify + queue * bar::notify_stride,
                               .size = 2,
                               .event = *std::move(event)});
  }
  plan.intx = true;
  plan.msix.vectors = traits.queues + 1;
  plan.vendor = bar::capabilities(traits);
  return plan;
}

PciFunction::PciFunction(pci::Plan plan, const Traits& traits, os::EventFd intx)
    : Function(with_registers(std::move(plan), *this)),
      traits_(traits),
      queues_(traits.queues),
      intx_(std::move(intx)) {
  forget();
}

Result<void> PciFunction::begin(boost::asio::io_context& context, Device& device,
                                const BackendOptions& options, const os::EventFd& intx) {
  auto reader = EventReader::create(context, intx, 0);
  if (!reader) return reader.error();
  intx_reader_ = std::make_shared<IntxReader>(*this, *std::move(reader));
  intx_reader_->reader.wait(intx_reader_);
  auto backend = Backend::create(context, device, memory(), options);
  if (!backend) return backend.error();
  backend_.emplace(*std::move(backend));
  config_listener_ = backend_->on_config_change([this] {
    ++generation_;
    config_changed();
  });
  return {};
}

PciFunction::~PciFunction() {
  if (intx_reader_) intx_reader_->reader.stop();
}

// Resets

void PciFunction::forget() noexcept {
  for (auto& queue : queues_) queue = {.size = traits_.queue_size};
  device_half_ = driver_half_ = 0;
  driver_features_ = 0;
  config_vector_ = no_vector;
  selected_ = 0;
  needs_reset_ = false;
  (void)take_isr();
}

void PciFunction::on_reset() noexcept {
  forget();
  backend_->reset_now();
}

void PciFunction::on_client_gone() noexcept {
  on_reset();
}

// Interrupts

Interrupt PciFunction::call_of(const Queue& queue) const {
  return queue.vector == no_vector
             ? intx_.interrupt()
             : const_cast<PciFunction*>(this)->interrupts().vector(queue.vector);
}

void PciFunction::raise_intx(std::uint8_t reason) noexcept {
  if (interrupts().uses_messages()) return;
  isr_ |= reason;
  interrupts().set_intx(true);
}

std::uint8_t PciFunction::take_isr() noexcept {
  interrupts().set_intx(false);
  return std::exchange(isr_, std::uint8_t{0});
}

void PciFunction::config_changed() noexcept {
  if (config_vector_ != no_vector) return interrupts().vector(config_vector_).raise();
  raise_intx(isr_config);
}

void PciFunction::needs_reset(const Error& why) noexcept {
  log::warning("{}: the device needs a reset: {}", traits_.kind, why.message);
  needs_reset_ = true;
  if ((backend_->status() & VIRTIO_CONFIG_S_DRIVER_OK) != 0) config_changed();
}

// The backend has logged it.
void PciFunction::broken(const Error&) noexcept {
  needs_reset_ = true;
  config_changed();
}

// The device

std::uint8_t PciFunction::status() const noexcept {
  const unsigned more = needs_reset_ ? VIRTIO_CONFIG_S_NEEDS_RESET : 0;
  return static_cast<std::uint8_t>(backend_->status() | more);
}

void PciFunction::set_status(std::uint8_t status) noexcept {
  if (status == 0) forget();
  status = static_cast<std::uint8_t>(status & ~VIRTIO_CONFIG_S_NEEDS_RESET);
  const auto added = status & ~backend_->status();
  if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 && !agree())
    status = static_cast<std::uint8_t>(status & ~VIRTIO_CONFIG_S_FEATURES_OK);
  backend_->set_status(status);
  if ((added & VIRTIO_CONFIG_S_DRIVER_OK) != 0) run_queues();
}

// A device without the old registers can't serve a driver that only knows those.
bool PciFunction::agree() noexcept {
  if ((driver_features_ & feature(VIRTIO_F_VERSION_1)) == 0) return false;
  const auto agreed = backend_->set_driver_features(driver_features_);
  if (!agreed) log::warning("{}", agreed.error().message);
  return agreed.has_value();
}

void PciFunction::set_driver_features(std::uint32_t half) noexcept {
  if (driver_half_ > 1 || (backend_->status() & VIRTIO_CONFIG_S_FEATURES_OK) != 0) return;
  const unsigned shift = 32 * driver_half_;
  const auto others = driver_features_ & ~(std::uint64_t{0xFFFFFFFF} << shift);
  driver_features_ = others | std::uint64_t{half} << shift;
}

// Queues

PciFunction::Queue* PciFunction::selected() noexcept {
  return selected_ < queues_.size() ? &queues_[selected_] : nullptr;
}

void PciFunction::set_size(std::uint16_t size) noexcept {
  auto* const queue = selected();
  if (queue != nullptr && !queue->enabled && size > 0 && size <= traits_.queue_size)
    queue->size = size;
}

// A vector that there is not reads back as none.
void PciFunction::set_vector(std::uint16_t vector) noexcept {
  auto* const queue = selected();
  if (queue == nullptr) return;
  queue->vector = vector < interrupts().vectors() ? vector : no_vector;
  if (!backend_->started(selected_)) return;
  if (auto set = backend_->set_call(selected_, call_of(*queue)); !set) needs_reset(set.error());
}

void PciFunction::set_address(std::uint64_t QueueLayout::*area, unsigned shift,
                              std::uint32_t half) noexcept {
  auto* const queue = selected();
  if (queue == nullptr || queue->enabled) return;
  auto& address = queue->layout.*area;
  address = (address & ~(std::uint64_t{0xFFFFFFFF} << shift)) | std::uint64_t{half} << shift;
}

void PciFunction::enable() noexcept {
  auto* const queue = selected();
  if (queue == nullptr || queue->enabled) return;
  queue->enabled = true;
  start(selected_);
}

void PciFunction::start(unsigned index) noexcept {
  auto& queue = queues_[index];
  const auto agreed = [features = backend_->driver_features()](unsigned number) {
    return (features & feature(number)) != 0;
  };
  queue.layout.size = queue.size;
  queue.layout.packed = agreed(VIRTIO_F_RING_PACKED);
  queue.layout.event_index = agreed(VIRTIO_RING_F_EVENT_IDX);
  queue.layout.indirect = agreed(VIRTIO_RING_F_INDIRECT_DESC);
  auto kick = bars()[bar::index].doorbells[index].event.duplicate();
  if (!kick) return needs_reset(kick.error());
  const auto started = backend_->start_queue(
      index,
      {.layout = queue.layout, .kick = *std::move(kick), .call = call_of(queue), .observer = this});
  if (!started) return needs_reset(started.error());
  if ((backend_->status() & VIRTIO_CONFIG_S_DRIVER_OK) != 0) run_queues();
}

// Nothing is taken from a queue before the driver is ready (section 3.1.1).
void PciFunction::run_queues() noexcept {
  for (unsigned index = 0; index < queues_.size(); ++index) {
    if (!backend_->started(index) || backend_->enabled(index)) continue;
    if (auto enabled = backend_->set_enabled(index, true); !enabled) needs_reset(enabled.error());
  }
}

}  // namespace bellwire::virtio
