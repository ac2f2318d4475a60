// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/ring_words.hpp"

namespace bellwire::vhost_user {
namespace {

// Nothing is under way, so the available place and the used one are the same.
std::uint32_t packed_base(PackedPlace place) noexcept {
  return place.word() | std::uint32_t{place.word()} << base::used_shift;
}

}  // namespace

Result<RingWords> RingWords::create(GuestMemory& memory, bool packed, std::uint16_t size,
                                    std::uint16_t base) {
  if (packed) {
    auto ring = PackedRing::create(memory, size);
    if (!ring) return ring.error();
    if (base != 0) ring->begin_at(PackedPlace::of(base));
    return RingWords(std::move(*ring));
  }
  auto ring = SplitRing::create(memory, size);
  if (!ring) return ring.error();
  ring->begin_at(base);
  return RingWords(std::move(*ring));
}

RingWords::Areas RingWords::areas() const noexcept {
  if (is_packed())
    return {packed().descriptors(), packed().driver_event(), packed().device_event()};
  return {split().descriptors(), split().available(), split().used()};
}

void RingWords::begin_anew() noexcept {
  if (is_packed())
    packed().begin_at({});
  else
    split().begin_at(0);
}

std::uint32_t RingWords::base() const noexcept {
  return is_packed() ? packed_base(packed().next_used()) : split().used_index();
}

std::uint32_t RingWords::base_when_done() const noexcept {
  return is_packed() ? packed_base(packed().next()) : split().offered();
}

bool RingWords::all_returned(std::uint32_t base) const noexcept {
  const auto taken = static_cast<std::uint16_t>(base);
  return taken == (is_packed() ? packed().device_used().word() : split().used_index());
}

std::optional<std::uint16_t> RingWords::describe_indirect(std::span<const Buffer> buffers,
                                                          std::uint16_t flags) {
  if (is_packed()) return packed().describe_indirect(buffers, flags);
  return split().describe_indirect({}, buffers, flags);
}

RingWords::Descriptor RingWords::descriptor(std::uint16_t head) {
  const auto view = [](auto& descriptor) {
    return Descriptor{descriptor.addr, descriptor.len, descriptor.flags};
  };
  return is_packed() ? view(packed().descriptor(head)) : view(split().descriptor(head));
}

void RingWords::want_calls(bool wanted) noexcept {
  if (is_packed())
    packed().ask_for_calls(wanted ? VRING_PACKED_EVENT_FLAG_ENABLE
                                  : VRING_PACKED_EVENT_FLAG_DISABLE);
  else
    split().set_available_flags(wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT);
}

}  // namespace bellwire::vhost_user
