// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/ring_observer.hpp"

namespace bellwire::vhost_user {

Resumption RingObserver::begin(unsigned index, const virtio::QueueLayout& layout,
                               const virtio::QueuePosition& asked) {
  const auto sizes = virtio::area_sizes(layout);
  used_ring_size_ = layout.packed ? sizes.descriptors : sizes.device_area;
  split_.reset();
  packed_.reset();
  auto part = tracking_.inflight ? tracking_.inflight->part(index, layout.size) : std::nullopt;
  if (!part) return {asked};
  if (layout.packed)
    if (auto ring = memory_.space().map(layout.descriptors, sizes.descriptors))
      return packed_.emplace(std::move(*part), std::move(*ring), layout.size).resume(asked);
  if (layout.packed) return {asked};
  return split_.emplace(std::move(*part), layout.size).resume(asked);
}

void RingObserver::taken(const virtio::Chain& chain) noexcept {
  if (split_) split_->taken(chain.id);
  if (packed_) packed_->taken(chain);
}

// All of the writable buffers: a device may have written more than it says, before it failed.
void RingObserver::returning(const virtio::Chain& chain, std::uint32_t) noexcept {
  if (split_) split_->returning(chain.id);
  if (packed_) packed_->returning(chain);
  if (!logs()) return;
  for (const auto& buffer : chain.writable)
    if (const auto address = memory_.guest_address(buffer.data()))
      tracking_.log->mark(*address, buffer.size());
}

void RingObserver::publishing(const virtio::QueuePosition& position) noexcept {
  if (packed_) packed_->publishing(position);
}

// Which entries of the used ring were written is not worth knowing: it has a page or two.
void RingObserver::published(const virtio::QueuePosition& position) noexcept {
  if (split_) split_->published(position.next_used);
  if (packed_) packed_->published(position);
  if (logs() && used_ring_) tracking_.log->mark(*used_ring_, used_ring_size_);
}

void RingObserver::broken(const Error&) noexcept {
  if (error_) error_->ring();
}

}  // namespace bellwire::vhost_user
