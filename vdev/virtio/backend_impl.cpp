// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/backend_impl.hpp"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <boost/asio/post.hpp>

#include "vdev/log/log.hpp"

namespace bellwire::virtio {
namespace {

constexpr std::uint64_t ring_features =
    feature(VIRTIO_F_VERSION_1) | feature(VIRTIO_RING_F_EVENT_IDX) |
    feature(VIRTIO_RING_F_INDIRECT_DESC) | feature(VIRTIO_F_RING_PACKED);

}  // namespace

void ConfigNotifier::notify() const {
  const auto target = target_.lock();
  if (!target) return;
  boost::asio::post(target->context, [weak = target_] {
    if (const auto still = weak.lock()) still->changed();
  });
}

Backend::Impl::Impl(boost::asio::io_context& io, Device& served, DmaSpace& guest,
                    BackendOptions chosen, os::EventFd event, EventReader reader)
    : QueueHost(io, served, guest, std::move(chosen), std::move(event)),
      traits_(served.traits()),
      completed_reader_(std::move(reader)) {
  for (unsigned index = 0; index < traits_.queues; ++index)
    queues_.push_back(std::make_unique<Queue>(*this, index));
}

void Backend::Impl::begin() {
  completed_reader_.wait(shared_from_this());
  revoked_ = memory.on_revoke([this](const AddressRange& range) { revoke(range); });
  added_ = memory.on_add([this](const AddressRange&) { serve_all(); });
}

void Backend::Impl::end() {
  revoked_.drop();
  added_.drop();
  reset_now();
  ended_ = true;
  completed_reader_.stop();
}

std::uint64_t Backend::Impl::device_features() const noexcept {
  return traits_.features | (ring_features & ~(options.packed ? 0 : feature(VIRTIO_F_RING_PACKED)));
}

Result<void> Backend::Impl::set_driver_features(std::uint64_t features) {
  if (options.tap != nullptr) options.tap->features(features);
  features_refused_ = true;
  if (const auto unknown = features & ~device_features(); unknown != 0)
    return fault(std::errc::invalid_argument,
                 "{}: the driver accepts features {:#x}, which were not offered; offered: {:#x}",
                 traits_.kind, unknown, device_features());
  if (features != features_) {
    for (unsigned index = 0; index < queues_.size(); ++index)
      if (queues_[index]->run.served() || queues_[index]->run.in_flight() > 0)
        return queue_fault(index, "is served, so the features can't change: stop it first");
    end_session();
  }
  features_ = features;
  features_refused_ = false;
  return {};
}

Error Backend::Impl::queue_fault(unsigned index, const char* why) const {
  return fault(std::errc::device_or_resource_busy, "{} queue {} {}", traits_.kind, index, why);
}

void Backend::Impl::set_status(std::uint8_t status) {
  if (status == 0) return reset(nullptr);
  const auto kept = status_ & VIRTIO_CONFIG_S_NEEDS_RESET;
  const auto refused = features_refused_ ? VIRTIO_CONFIG_S_FEATURES_OK : 0;
  status_ = static_cast<std::uint8_t>((status & ~refused) | kept);
}

Result<void> Backend::Impl::read_config(std::size_t offset, std::span<std::byte> into) const {
  if (!fits(offset, into.size(), traits_.config_size))
    return fault(std::errc::invalid_argument,
                 "{}: {} bytes at {} are not in its config space of {}", traits_.kind, into.size(),
                 offset, traits_.config_size);
  if (into.empty()) return {};  // devices copy, and there may be nowhere to copy to
  device.read_config(offset, into);
  if (options.tap != nullptr) options.tap->config_read(offset, into);
  return {};
}

Result<void> Backend::Impl::write_config(std::size_t offset, std::span<const std::byte> from) {
  const bool taken =
      fits(offset, from.size(), traits_.config_size) && device.write_config(offset, from);
  if (options.tap != nullptr) options.tap->config_written(offset, from, taken);
  if (!taken)
    return fault(std::errc::invalid_argument,
                 "{}: {} bytes at {} of its config space can't be written", traits_.kind,
                 from.size(), offset);
  return {};
}

Result<void> Backend::Impl::begin_session() {
  if (session_) return {};
  auto target = std::make_shared<ConfigNotifier::Target>(
      ConfigNotifier::Target{context, [this] { config_listeners_.call(); }});
  auto started = device.start({context, features_, ConfigNotifier(target)});
  if (!started) {
    status_ |= VIRTIO_CONFIG_S_NEEDS_RESET;
    return started;
  }
  session_ = std::move(target);
  const auto* const ready = device.ready();
  if (ready == nullptr) return {};
  auto reader = EventReader::create(context, *ready, device_ready);
  if (!reader) {
    end_session();
    return reader.error();
  }
  ready_reader_.emplace(std::move(*reader));
  ready_reader_->wait(shared_from_this());
  return {};
}

void Backend::Impl::end_session() {
  if (!session_) return;
  if (ready_reader_) ready_reader_->stop();
  ready_reader_.reset();
  session_.reset();
  device.stop();
}

void Backend::Impl::on_event(unsigned which, std::uint64_t) {
  finish_turn();
  settle();
  if (ended_) return;
  if (which == completed)
    completed_reader_.wait(shared_from_this());
  else if (ready_reader_)
    ready_reader_->wait(shared_from_this());
}

void Backend::Impl::finish_turn() noexcept {
  const Completions::Turn turn(completions);
  if (session_) device.poll();
  deliver();
}

void Backend::Impl::deliver() noexcept {
  bool ended = false;
  for (auto* slot = completions.take(); slot != nullptr;) {
    auto& completed_slot = *std::exchange(slot, slot->next);
    auto& queue = *queues_[completed_slot.queue];
    queue.run.give_back(completed_slot);
    ended = ended || (queue.run.in_flight() == 0 && (queue.stopping || paused_));
  }
  for (const auto& queue : queues_) queue->run.publish();
  if (ended) completions.wake();  // settle() is for between the turns
}

void Backend::Impl::poll_queues() noexcept {
  const Completions::Turn turn(completions);
  for (const auto& queue : queues_)
    if (queue->run.polled()) (void)queue->run.take();
  finish_turn();
}

void Backend::Impl::polled_changed(bool polled) noexcept {
  const auto before = polled ? polled_++ : polled_--;
  if (before != (polled ? 0U : 1U)) return;
  completions.set_awake(polled);
  if (session_) device.set_polled(polled);
}

}  // namespace bellwire::virtio
