// SPDX-License-Identifier: BSD-3-Clause
//
// The liar's packed rings. A place is an index with the wrap counter in bit 15. Requests are
// completed in the order of the ring, so what is under way is still there.
#include <atomic>

#include "host/conform/testing/liar_ring.hpp"
#include "vdev/transport/vhost_user/protocol/inflight.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;

constexpr std::uint16_t wrap_bit = 1 << 15, available_bit = 1 << 7, used_bit = 1 << 15;

std::uint16_t index_of(std::uint16_t place) {
  return static_cast<std::uint16_t>(place & ~wrap_bit);
}

std::uint16_t advanced(std::uint16_t place, std::uint32_t count, std::uint32_t size) {
  const auto index = index_of(place) + count;
  const auto wrap = static_cast<std::uint32_t>(place & wrap_bit);
  return static_cast<std::uint16_t>(index < size ? index | wrap
                                                 : (index - size) | (wrap ^ wrap_bit));
}

bool is_available(std::uint16_t flags, std::uint16_t place) {
  const bool wrap = (place & wrap_bit) != 0;
  return ((flags & available_bit) != 0) == wrap && ((flags & used_bit) != 0) != wrap;
}

vhost_user::PackedInflightHeader& region_at(std::byte* place) {
  return *reinterpret_cast<vhost_user::PackedInflightHeader*>(place);
}

}  // namespace

bool LiarRing::packed() const {
  return (world_.features & bit(VIRTIO_F_RING_PACKED)) != 0;
}

vring_packed_desc* LiarRing::packed_ring() const {
  return reinterpret_cast<vring_packed_desc*>(
      world_.memory.user(address.desc_user_addr, size * sizeof(vring_packed_desc)));
}

bool LiarRing::packed_available() const {
  auto* const ring = packed_ring();
  if (ring == nullptr || size == 0) return false;
  return is_available(std::atomic_ref(ring[index_of(next)].flags).load(std::memory_order_acquire),
                      next);
}

// How many descriptors the list there has. 0: it has no end.
std::uint32_t LiarRing::packed_length(std::uint16_t place) const {
  const auto* const ring = packed_ring();
  for (std::uint32_t count = 1; count <= size; ++count, place = advanced(place, 1, size))
    if ((ring[index_of(place)].flags & VRING_DESC_F_NEXT) == 0) return count;
  return 0;
}

bool LiarRing::fetch_packed(unsigned most) {
  bool any = false;
  for (; most > 0 && packed_available(); --most) {
    const auto length = packed_length(next);
    if (length == 0) {
      break_at(Lie::closes_at_a_packed_endless_list);
      return false;
    }
    pending_.push_back(next);
    if (tracked != nullptr) packed_entry(next).inflight = 1;
    next = advanced(next, length, size);
    any = true;
  }
  return any;
}

vhost_user::PackedInflightEntry& LiarRing::packed_entry(std::uint16_t place) const {
  return reinterpret_cast<vhost_user::PackedInflightEntry*>(
      tracked + sizeof(vhost_user::PackedInflightHeader))[index_of(place)];
}

LiarChain LiarRing::read_packed(std::uint16_t place) const {
  LiarChain chain;
  const auto* const ring = packed_ring();
  const auto length = packed_length(place);
  const bool wraps = index_of(place) + length > size;
  if (wraps && world_.lies(Lie::reads_no_list_across_the_end)) {
    chain.bad = true;
    chain.lie = Lie::reads_no_list_across_the_end;
  }
  for (std::uint32_t nth = 0; nth < length && !chain.bad; ++nth) {
    const auto& descriptor = ring[index_of(advanced(place, nth, size))];
    const bool next_too = (descriptor.flags & VRING_DESC_F_NEXT) != 0;
    if ((descriptor.flags & VRING_DESC_F_INDIRECT) == 0) {
      read_piece(chain, descriptor);
    } else if (next_too) {
      chain.bad = true;
      chain.lie = Lie::keeps_packed_next_and_indirect;
    } else {
      read_packed_table(chain, descriptor);
    }
  }
  return chain;
}

void LiarRing::read_piece(LiarChain& chain, const vring_packed_desc& descriptor) const {
  auto* const data = world_.memory.guest(descriptor.addr, descriptor.len);
  if (data == nullptr) {
    chain.bad = true;
    chain.lie =
        world_.memory.guest(descriptor.addr, 1) ? Lie::keeps_bad_end : Lie::keeps_bad_address;
    return;
  }
  chain.pieces.push_back({data, descriptor.len, (descriptor.flags & VRING_DESC_F_WRITE) != 0});
}

void LiarRing::read_packed_table(LiarChain& chain, const vring_packed_desc& descriptor) const {
  const auto* const table = reinterpret_cast<const vring_packed_desc*>(
      world_.memory.guest(descriptor.addr, descriptor.len));
  const bool uneven = descriptor.len == 0 || descriptor.len % sizeof *table != 0;
  const bool writable = (descriptor.flags & VRING_DESC_F_WRITE) != 0;
  chain.bad = table == nullptr || uneven ||
              world_.lies(writable ? Lie::drops_writable_tables : Lie::drops_tables);
  if (uneven) chain.lie = Lie::keeps_uneven_table;
  for (std::uint32_t at = 0; !chain.bad && at < descriptor.len / sizeof *table; ++at) {
    if ((table[at].flags & VRING_DESC_F_INDIRECT) == 0) {
      read_piece(chain, table[at]);
    } else {
      chain.bad = true;
      chain.lie = Lie::keeps_nested_table;
    }
  }
}

void LiarRing::finish_packed(std::uint16_t place, std::uint32_t length) {
  auto* const ring = packed_ring();
  if (ring == nullptr) return;
  const auto count = packed_length(place);
  const auto id = ring[index_of(advanced(place, count - 1, size))].id;
  auto& descriptor = ring[index_of(used)];
  descriptor.id = id;
  descriptor.len = length;
  const auto flags = (used & wrap_bit) != 0 ? available_bit | used_bit : 0;
  std::atomic_ref(descriptor.flags).store(static_cast<__u16>(flags), std::memory_order_seq_cst);
  const auto before = used;
  used = advanced(used, count, size);
  note_packed(place);
  call_if_wanted_packed(before, count);
  if (++finished_ == 9 && tracked != nullptr && world_.lies(Lie::counts_nothing_in_a_packed_region))
    world_.withhold();
  if (misplaced_) world_.withhold();
}

void LiarRing::note_packed(std::uint16_t place) {
  if (tracked == nullptr) return;
  auto& region = region_at(tracked);
  packed_entry(place).inflight = 0;
  if (world_.lies(Lie::counts_nothing_in_a_packed_region)) return;
  region.used_idx = region.old_used_idx = index_of(used);
  region.used_wrap_counter = region.old_used_wrap_counter = (used & wrap_bit) != 0 ? 1 : 0;
}

void LiarRing::call_if_wanted_packed(std::uint16_t before, std::uint32_t count) {
  auto* const words = reinterpret_cast<std::uint32_t*>(
      world_.memory.user(address.avail_user_addr, sizeof(vring_packed_desc_event)));
  if (words == nullptr) return;
  const auto event = std::atomic_ref(*words).load(std::memory_order_seq_cst);
  const auto asked = static_cast<std::uint16_t>(event);
  const auto flags = event >> 16;
  bool wanted = flags != VRING_PACKED_EVENT_FLAG_DISABLE || world_.lies(Lie::ignores_no_interrupt);
  bool owed = world_.lies(Lie::never_calls);
  if (flags == VRING_PACKED_EVENT_FLAG_DESC) {
    // How far it is from where this request was returned to the one that was asked for.
    const bool same_round = (asked & wrap_bit) == (before & wrap_bit);
    const auto distance = index_of(asked) + (same_round ? 0 : size) - index_of(before);
    wanted = distance < count;
    owed = owed || (wanted && same_round && world_.lies(Lie::misses_a_packed_event));
    wanted = wanted || (distance > 80 && world_.lies(Lie::calls_before_a_packed_event)) ||
             (!same_round && world_.lies(Lie::compares_without_a_wrap_counter));
  }
  call_or_owe(wanted, owed);
}

void LiarRing::set_packed_base(std::uint32_t base) {
  const auto low = static_cast<std::uint16_t>(base), high = static_cast<std::uint16_t>(base >> 16);
  next = low;
  used = high != 0 ? high : low;
  if (high == 0 && world_.lies(Lie::wants_32_bits_of_a_base)) {
    used = high;
    misplaced_ = true;
  }
  if (world_.lies(Lie::ignores_wrap_counters)) next = used = low | wrap_bit;
}

std::uint32_t LiarRing::packed_base() const {
  const auto other = world_.lies(Lie::answers_without_a_wrap_counter) ? used | wrap_bit : used;
  return next | static_cast<std::uint32_t>(other) << 16;
}

// Continues from the inflight region, whatever SET_VRING_BASE said.
void LiarRing::resume_packed() {
  auto& region = region_at(tracked);
  resumed_ = region.version != 0;
  if (!resumed_) {
    region.version = 1;
    region.desc_num = static_cast<std::uint16_t>(size);
    region.used_idx = index_of(used);
    region.used_wrap_counter = (used & wrap_bit) != 0 ? 1 : 0;
    if (world_.lies(Lie::completes_the_first_descriptor)) finish(used, 0);
    return;
  }
  next = used =
      static_cast<std::uint16_t>(region.used_idx | (region.used_wrap_counter != 0 ? wrap_bit : 0));
  if (world_.restarted && world_.lies(Lie::begins_at_zero_after_a_kill)) {
    next = used = wrap_bit;
    misplaced_ = true;
  }
  if (!forgets()) return;
  if (packed_available()) world_.withhold();
  while (packed_available()) next = advanced(next, packed_length(next), size);
}

}  // namespace bellwire::host::conform
