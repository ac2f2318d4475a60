// SPDX-License-Identifier: BSD-3-Clause
//
// How the liar finds its way in a front-end's memory.
#include "host/conform/testing/liar_ring.hpp"

namespace bellwire::host::conform {
namespace {

std::byte* find_in(const LiarMemory& memory, std::uint64_t vhost_user::MemoryRegion::*base,
                   std::uint64_t address, std::uint64_t size) {
  for (const auto& [region, mapping] : memory.pieces) {
    const auto offset = address - region.*base;
    if (offset < region.size && size <= region.size - offset) return mapping.data() + offset;
  }
  return nullptr;
}

// Reads a chain's descriptors, as far as they are possible.
class ChainReader {
 public:
  ChainReader(const LiarWorld& world, LiarChain& chain) : world_(world), chain_(chain) {}

  void read(const vring_desc* table, std::uint32_t entries, std::uint32_t at, bool inner) {
    for (std::uint32_t steps = 0; !chain_.bad; ++steps) {
      if (at >= entries) return spoil(Lie::keeps_bad_next);
      if (steps >= entries) return spoil(Lie::keeps_endless);
      const auto descriptor = table[at];
      const bool more = (descriptor.flags & VRING_DESC_F_NEXT) != 0;
      if ((descriptor.flags & VRING_DESC_F_INDIRECT) != 0) return read_table(descriptor, inner);
      read_piece(descriptor);
      if (!more) return;
      at = descriptor.next;
    }
  }

 private:
  void spoil(Lie lie) {
    chain_.bad = true;
    if (chain_.lie == Lie::none) chain_.lie = lie;
  }

  void read_piece(const vring_desc& descriptor) {
    auto* const data = world_.memory.guest(descriptor.addr, descriptor.len);
    if (data == nullptr)
      return spoil(world_.memory.guest(descriptor.addr, 1) ? Lie::keeps_bad_end
                                                           : Lie::keeps_bad_address);
    chain_.pieces.push_back({data, descriptor.len, (descriptor.flags & VRING_DESC_F_WRITE) != 0});
  }

  void read_table(const vring_desc& descriptor, bool inner) {
    const bool writable = (descriptor.flags & VRING_DESC_F_WRITE) != 0;
    if ((descriptor.flags & VRING_DESC_F_NEXT) != 0) return spoil(Lie::keeps_next_and_indirect);
    if (inner) return spoil(Lie::keeps_nested_table);
    if (descriptor.len == 0 || descriptor.len % sizeof(vring_desc) != 0)
      return spoil(Lie::keeps_uneven_table);
    const auto* const table = world_.memory.guest(descriptor.addr, descriptor.len);
    if (table == nullptr) return spoil(Lie::keeps_bad_address);
    const auto dropped = writable                ? Lie::drops_writable_tables
                         : chain_.pieces.empty() ? Lie::drops_tables
                                                 : Lie::drops_late_tables;
    if (world_.lies(dropped)) chain_.bad = true;
    read(reinterpret_cast<const vring_desc*>(table), descriptor.len / sizeof(vring_desc), 0, true);
  }

  const LiarWorld& world_;
  LiarChain& chain_;
};

}  // namespace

std::byte* LiarMemory::guest(std::uint64_t address, std::uint64_t size) const {
  return find_in(*this, &vhost_user::MemoryRegion::guest_address, address, size);
}

std::byte* LiarMemory::user(std::uint64_t address, std::uint64_t size) const {
  return find_in(*this, &vhost_user::MemoryRegion::user_address, address, size);
}

std::uint64_t LiarMemory::address_of(const std::byte* byte) const {
  for (const auto& [region, mapping] : pieces)
    if (byte >= mapping.data() && byte < mapping.data() + region.size)
      return region.guest_address + static_cast<std::uint64_t>(byte - mapping.data());
  return 0;
}

void LiarLog::mark(std::uint64_t guest_address) {
  const auto page = guest_address / vhost_user::log_page;
  if (bits && page / 8 < bits->size()) bits->data()[page / 8] |= std::byte{1} << page % 8;
}

bool LiarRing::logs() const {
  return (world_.features & vhost_user::bit(VHOST_F_LOG_ALL)) != 0 ||
         world_.lies(Lie::marks_unasked);
}

bool LiarRing::log_data(const LiarChain& chain) {
  if (!logs()) return false;
  if (world_.lies(Lie::marks_no_data)) return true;
  for (const auto& piece : chain.pieces)
    if (piece.writable)
      for (std::uint32_t at = 0; at < piece.size; ++at)
        world_.log.mark(world_.memory.address_of(piece.data + at));
  return false;
}

bool LiarRing::log_used_ring() {
  if (!logs() || (address.flags & 1U << VHOST_VRING_F_LOG) == 0) return false;
  if (world_.lies(Lie::marks_no_used_ring)) return true;
  world_.log.mark(address.log_guest_addr);
  return false;
}

LiarChain LiarRing::read(std::uint16_t head) const {
  LiarChain chain;
  const auto* const table = world_.memory.user(address.desc_user_addr, size * sizeof(vring_desc));
  chain.bad = table == nullptr;
  ChainReader(world_, chain).read(reinterpret_cast<const vring_desc*>(table), size, head, false);
  return chain;
}

}  // namespace bellwire::host::conform
