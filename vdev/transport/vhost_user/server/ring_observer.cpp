// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/ring_observer.hpp"

namespace bellwire::vhost_user {

Resumption RingObserver::begin(unsigned index, const virtio::QueueLayout& layout,
                               const virtio::QueuePosition& asked) {
  const auto sizes = virtio::area_sizes(layout);
  used_ring_size_ = layout.packed ? sizes.descriptors : sizes.device_area;
  split_.reset();
  if (!tracking_.inflight || layout.packed) return {asked};
  auto part = tracking_.inflight->part(index, layout.size);
  if (!part) return {asked};
  return split_.emplace(std::move(*part), layout.size).resume(asked);
}

void RingObserver::taken(const virtio::Chain& chain) noexcept {
  if (split_) split_->taken(chain.id);
}

// All of the writable buffers: a device may have written more than it says, before it failed.
void RingObserver::returning(const virtio::Chain& chain, std::uint32_t) noexcept {
  if (split_) split_->returning(chain.id);
  if (!logs()) return;
  for (const auto& buffer : chain.writable)
    if (const auto address = memory_.guest_address(buffer.data()))
      tracking_.log->mark(*address, buffer.size());
}

// Which entries of the used ring were written is not worth knowing: it has a page or two.
void RingObserver::published(const virtio::QueuePosition& position) noexcept {
  if (split_) split_->published(position.next_used);
  if (logs() && used_ring_) tracking_.log->mark(*used_ring_, used_ring_size_);
}

void RingObserver::broken(const Error&) noexcept {
  if (error_) error_->ring();
}

}  // namespace bellwire::vhost_user
