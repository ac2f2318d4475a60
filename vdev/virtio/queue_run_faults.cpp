// SPDX-License-Identifier: BSD-3-Clause
//
// What a queue does on purpose that none may do: chains that are returned twice, with another's ID
// or corrupted (vdev/core/completion_filter.hpp).
#include <algorithm>

#include "vdev/virtio/buffers.hpp"
#include "vdev/virtio/queue_run.hpp"

namespace bellwire::virtio {
namespace {

void flip_bit(const Chain& chain, std::uint64_t at) {
  each_part(chain.writable, at, 1, [](std::span<std::byte> part) {
    part.front() ^= std::byte{1};
    return true;
  });
}

// What was written, or a length of 1 where nothing was.
std::uint32_t corrupt(Chain& chain, std::uint32_t written, std::uint64_t random) {
  const auto output = std::min<std::uint64_t>(written, chain.writable_size);
  if (output > 0) {
    flip_bit(chain, random % output);
    return written;
  }
  chain.writable_size = std::max<std::uint64_t>(chain.writable_size, 1);
  return 1;
}

}  // namespace

void QueueRun::push(const Chain& chain, std::uint32_t written,
                    const CompletionFate& fate) noexcept {
  using Kind = CompletionFate::Kind;
  if (fate.kind == Kind::as_it_is) return ring_->push(chain, written);
  auto forged = chain;
  if (fate.kind == Kind::corrupted) written = corrupt(forged, written, fate.random);
  if (fate.kind == Kind::wrong)
    forged.id = static_cast<std::uint16_t>((chain.id + 1) % setup_->layout.size);
  ring_->push(forged, written);
  if (fate.kind == Kind::twice) ring_->push_again(forged, written);
}

}  // namespace bellwire::virtio
