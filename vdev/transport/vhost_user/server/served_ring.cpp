// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/served_ring.hpp"

#include <linux/virtio_config.h>

#include "vdev/log/log.hpp"

namespace bellwire::vhost_user {
namespace {

// Only the lower half may be there: then both indexes are the same, as nothing is in flight.
virtio::QueuePosition packed_position(std::uint32_t word) noexcept {
  const auto index = static_cast<std::uint16_t>(word & base::index_mask);
  const bool wrap = (word & base::available_wrap) != 0;
  const auto upper = word >> base::used_shift;
  if (upper == 0) return {index, index, wrap, wrap};
  return {index, static_cast<std::uint16_t>(upper & base::index_mask), wrap,
          (word & base::used_wrap) != 0};
}

std::uint32_t packed_base(const virtio::QueuePosition& position) noexcept {
  const auto half = [](std::uint16_t index, bool wrap) -> std::uint32_t {
    return index | (wrap ? base::available_wrap : 0U);
  };
  return half(position.next_available, position.available_wrap) |
         half(position.next_used, position.used_wrap) << base::used_shift;
}

}  // namespace

Result<void> ServedRing::set_size(std::uint32_t size) {
  const auto most = backend_.traits().queue_size;
  if (size == 0 || size > most)
    return fault(std::errc::invalid_argument, "ring {}: {} entries, it has 1 to {}", index_, size,
                 most);
  size_ = static_cast<std::uint16_t>(size);
  return {};
}

Result<void> ServedRing::set_addresses(const vhost_vring_addr& addresses) {
  constexpr unsigned log_flag = 1 << VHOST_VRING_F_LOG;
  if ((addresses.flags & ~log_flag) != 0)
    return fault(std::errc::invalid_argument, "ring {}: flags {:#x}, only {:#x} is known", index_,
                 addresses.flags, log_flag);
  addresses_ = addresses;
  observer_.log_used_ring((addresses.flags & log_flag) != 0
                              ? std::optional<std::uint64_t>(addresses.log_guest_addr)
                              : std::nullopt);
  return {};
}

void ServedRing::set_base(std::uint32_t base) noexcept {
  base_ = base;
  moved_ = true;
}

Result<void> ServedRing::set_kick(std::optional<os::EventFd> kick) {
  kick_ = std::move(kick);
  started_ = true;
  if (!running_) return {};
  std::optional<os::EventFd> copy;
  if (kick_) {
    auto duplicate = kick_->duplicate();
    if (!duplicate) return duplicate.error();
    copy = std::move(*duplicate);
  }
  return backend_.set_kick(index_, std::move(copy));
}

void ServedRing::set_call(std::optional<os::EventFd> call) {
  if (call)
    call_.bind(std::move(*call));
  else
    call_.unbind();
}

std::optional<virtio::QueueLayout> ServedRing::layout() const {
  if (!started_ || size_ == 0 || !addresses_) return std::nullopt;
  const auto features = backend_.driver_features();
  virtio::QueueLayout layout{.size = size_,
                             .packed = (features & bit(VIRTIO_F_RING_PACKED)) != 0,
                             .event_index = (features & bit(VIRTIO_RING_F_EVENT_IDX)) != 0,
                             .indirect = (features & bit(VIRTIO_RING_F_INDIRECT_DESC)) != 0};
  const auto sizes = virtio::area_sizes(layout);
  const auto descriptors = memory_.guest_address(addresses_->desc_user_addr, sizes.descriptors);
  const auto driver = memory_.guest_address(addresses_->avail_user_addr, sizes.driver_area);
  const auto device = memory_.guest_address(addresses_->used_user_addr, sizes.device_area);
  if (!descriptors || !driver || !device) return std::nullopt;
  layout.descriptors = *descriptors;
  layout.driver_area = *driver;
  layout.device_area = *device;
  return layout;
}

// A split ring's used index is what the memory says: a guest that was rebooted begins at 0.
Result<virtio::QueuePosition> ServedRing::position(const virtio::QueueLayout& layout) const {
  if (layout.packed) return packed_position(base_);
  const auto used = virtio::stored_used_index(layout, memory_.space());
  if (!used) return used.error();
  return virtio::QueuePosition{static_cast<std::uint16_t>(base_), *used};
}

Result<void> ServedRing::start(const virtio::QueueLayout& layout) {
  const auto asked = position(layout);
  if (!asked) return asked.error();
  auto from = observer_.begin(index_, layout, *asked);
  if (const auto again = from.in_flight.size() + from.packed_in_flight.size(); again > 0)
    log::info("ring {}: {} requests that were in flight are served again", index_, again);
  virtio::QueueSetup setup{.layout = layout,
                           .position = from.position,
                           .call = call_.interrupt(),
                           .observer = &observer_,
                           .in_flight = std::move(from.in_flight),
                           .packed_in_flight = std::move(from.packed_in_flight)};
  if (kick_) {
    auto kick = kick_->duplicate();
    if (!kick) return kick.error();
    setup.kick = std::move(*kick);
  }
  auto started = backend_.start_queue(index_, std::move(setup));
  if (started) running_ = layout;
  return started;
}

void ServedRing::stopped_at(const virtio::QueuePosition& position) noexcept {
  const bool packed = running_ && running_->packed;
  running_.reset();
  if (!std::exchange(moved_, false))
    base_ = packed ? packed_base(position) : position.next_available;
}

void ServedRing::update(Done done) {
  const auto wanted = layout();
  if (running_ && (wanted != running_ || moved_))
    return backend_.stop_queue(index_, [this, done = std::move(done)](const auto& position) {
      stopped_at(position);
      update(done);
    });
  report_place(wanted.has_value());
  if (running_ || !wanted) return done({});
  moved_ = false;
  done(start(*wanted));
}

// Every front-end shares its memory first. One that does not has lost it: the guest waits in vain.
void ServedRing::report_place(bool known) {
  const bool nowhere = !known && started_ && size_ != 0 && addresses_;
  if (nowhere && !std::exchange(nowhere_, true))
    log::warning(
        "ring {} waits: it is not in the memory that the front-end shares; its parts are at user "
        "addresses {:#x}, {:#x} and {:#x}",
        index_, addresses_->desc_user_addr, addresses_->avail_user_addr,
        addresses_->used_user_addr);
  nowhere_ = nowhere;
}

void ServedRing::stop(std::function<void(std::uint32_t)> done) {
  abandon();
  if (!running_) return done(base_);
  backend_.stop_queue(index_, [this, done = std::move(done)](const auto& position) {
    stopped_at(position);
    done(base_);
  });
}

void ServedRing::abandon() noexcept {
  started_ = false;
  kick_.reset();
}

void ServedRing::take_over() {
  stop([](std::uint32_t) {});
}

}  // namespace bellwire::vhost_user
