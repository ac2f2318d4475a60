// SPDX-License-Identifier: BSD-3-Clause
//
// What the liar does about memory and rings.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "host/conform/testing/liar_session.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::head;
using vhost_user::Message;

constexpr std::uint64_t slots_offered = 8;
constexpr std::uint64_t tracked_head = 32, tracked_each = 32;  // bytes, of either layout

std::uint64_t tracked_size(std::uint64_t entries) {
  return tracked_head + tracked_each * entries;
}

}  // namespace

LiarSession::Done LiarSession::act_on_memory(const Message& message) {
  switch (static_cast<Request>(message.header.request)) {
    case Request::set_mem_table:
      return set_table(message);
    case Request::add_mem_reg:
      return add_region(message);
    case Request::rem_mem_reg:
      return remove_region(message);
    case Request::get_inflight_fd:
      return get_inflight(message);
    case Request::set_inflight_fd:
      return set_inflight(message);
    default:
      return say(message, slots_offered - (slot_added_ && lies(Lie::loses_slots) ? 1 : 0));
  }
}

bool LiarSession::map(const vhost_user::MemoryRegion& region, int fd) {
  if (region.guest_address + region.size < region.guest_address)
    return lies(Lie::accepts_wrapping_regions);
  const auto offset = lies(Lie::ignores_offsets) ? 0 : region.mmap_offset;
  auto mapping = os::Mapping::of_peer(fd, region.size, world_.memory.loss, offset);
  if (!mapping) return false;
  world_.memory.pieces.push_back({region, std::move(*mapping)});
  return true;
}

LiarSession::Done LiarSession::set_table(const Message& message) {
  const auto count = head<std::uint32_t>(message.payload).value_or(0);
  const auto first = message.payload.size() < 8 ? 0 : (message.payload.size() - 8) / 32;
  if (count == 0 || count > first || count > vhost_user::most_regions) return Done::no;
  if (message.fds.size() != count)
    return lies(Lie::accepts_missing_descriptors) ? Done::yes : Done::no;
  const bool fresh = world_.memory.pieces.empty();
  world_.memory.pieces.clear();
  for (std::uint32_t index = 0; index < count; ++index) {
    vhost_user::MemoryRegion region{};
    std::memcpy(&region, message.payload.data() + 8 + index * sizeof region, sizeof region);
    const bool skipped = fresh && index > 0 && lies(Lie::knows_one_region);
    if (!skipped && !map(region, message.fds[index].get())) {
      if (lies(Lie::keeps_descriptors_of_refused_tables)) keep(message.fds[index]);
      return Done::no;
    }
  }
  if (running() && lies(Lie::stops_at_a_new_table)) {
    for (const auto& ring : rings_) ring->kick.reset();
    world_.withhold();
  }
  return Done::yes;
}

void LiarSession::keep(const os::UniqueFd& fd) {
  static_cast<void>(fd.duplicate().release());
  if (++world_.leaks == 9) world_.withhold();
}

LiarSession::Done LiarSession::add_region(const Message& message) {
  const auto single = head<vhost_user::SingleRegion>(message.payload);
  if (!single || message.fds.size() != 1)
    return single && lies(Lie::adds_slots_without_descriptors) ? Done::yes : Done::no;
  slot_added_ = true;
  if (running() && lies(Lie::ignores_slots_while_running)) return Done::yes;
  return map(single->region, message.fds.front().get()) ? Done::yes : Done::no;
}

LiarSession::Done LiarSession::remove_region(const Message& message) {
  const auto single = head<vhost_user::SingleRegion>(message.payload);
  if (!single) return Done::no;
  if (!message.fds.empty() && lies(Lie::refuses_descriptors_of_removals)) return Done::no;
  const auto& wanted = single->region;
  auto& pieces = world_.memory.pieces;
  const auto found = std::ranges::find_if(pieces, [&](const auto& piece) {
    const auto& region = piece.region;
    return region.guest_address == wanted.guest_address && region.size == wanted.size &&
           region.user_address == wanted.user_address &&
           (region.mmap_offset == wanted.mmap_offset || !lies(Lie::compares_offsets));
  });
  if (found == pieces.end()) return lies(Lie::removes_the_unknown) ? Done::yes : Done::no;
  // A mapping can't be assigned to: what is behind it moves into a new list.
  std::vector<LiarMemory::Piece> rest;
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece)
    if (piece != found) rest.push_back(std::move(*piece));
  pieces = std::move(rest);
  return Done::yes;
}

LiarSession::Done LiarSession::get_inflight(const Message& message) {
  auto shape = head<vhost_user::Inflight>(message.payload);
  if (!shape) return Done::no;
  const auto size = tracked_size(shape->queue_size) * shape->num_queues;
  const auto file = os::create_memfd("liar-inflight", size);
  if (!file) return Done::no;
  shape->mmap_size = size * (lies(Lie::says_more_than_it_gives) ? 2 : 1);
  shape->mmap_offset = 0;
  answer(message.header.request, payload_of(*shape), std::array{file->get()});
  return Done::answered;
}

LiarSession::Done LiarSession::set_inflight(const Message& message) {
  const auto shape = head<vhost_user::Inflight>(message.payload);
  if (!shape || message.fds.size() != 1) return Done::no;
  const auto size = tracked_size(shape->queue_size) * shape->num_queues;
  if (shape->mmap_size == 0) world_.dead = lies(Lie::dies_of_an_empty_region);
  if (size > shape->mmap_size || shape->num_queues > rings_.size()) return Done::no;
  auto mapping = os::Mapping::create(message.fds.front().get(), size, shape->mmap_offset);
  if (!mapping) return Done::no;
  inflight_.emplace(std::move(*mapping));
  for (std::size_t index = 0; index < shape->num_queues; ++index)
    rings_[index]->tracked = inflight_->data() + index * tracked_size(shape->queue_size);
  return Done::yes;
}

LiarSession::Done LiarSession::act_on_ring(const Message& message) {
  const auto state = head<vhost_vring_state>(message.payload);
  if (!state) return Done::no;
  if (state->index >= rings_.size()) return lies(Lie::accepts_any_ring) ? Done::yes : Done::no;
  auto& ring = *rings_[state->index];
  switch (static_cast<Request>(message.header.request)) {
    case Request::set_vring_num:
      return set_size(ring, state->num);
    case Request::set_vring_addr: {
      const auto address = head<vhost_vring_addr>(message.payload);
      if (lies(Lie::wants_the_size_first) && ring.size == 0) return Done::no;
      if (!address || (ring.started() && lies(Lie::refuses_addresses_while_running)))
        return Done::no;
      ring.place(*address);
      return Done::yes;
    }
    case Request::set_vring_base:
      ring.set_base(state->num);
      return Done::yes;
    case Request::set_vring_enable:
      ring.enable(state->num != 0);
      return Done::yes;
    default:
      return stop_ring(ring, state->index);
  }
}

LiarSession::Done LiarSession::set_size(LiarRing& ring, std::uint32_t size) {
  for (const auto lie : {Lie::does_not_speak_qemu_7, Lie::does_not_speak_qemu_8,
                         Lie::does_not_speak_virtio_user, Lie::does_not_speak_libblkio})
    if (lies(lie)) return Done::no;
  const bool any_size = ring.packed() && !lies(Lie::wants_powers_of_two);
  const bool possible = size > 0 && size <= 32768 && (any_size || std::has_single_bit(size));
  if (!possible) return lies(Lie::accepts_any_size) ? Done::yes : Done::no;
  ring.size = size;
  ring.serve();
  return Done::yes;
}

LiarSession::Done LiarSession::stop_ring(LiarRing& ring, std::uint32_t index) {
  if (ring.size == 0 && lies(Lie::closes_at_unused_rings)) return Done::no;
  const vhost_vring_state state{index, ring.stop()};
  answer(static_cast<std::uint32_t>(Request::get_vring_base), payload_of(state));
  if (lies(Lie::answers_before_completing)) late_ = &ring;
  return Done::answered;
}

LiarSession::Done LiarSession::set_wire(const Message& message) {
  const auto value = number_in(message);
  const auto index = value & vhost_user::vring::index_mask;
  const bool with_fd = (value & vhost_user::vring::no_fd) == 0;
  if (index >= rings_.size() || message.fds.size() != (with_fd ? 1U : 0U))
    return lies(Lie::accepts_missing_eventfds) ? Done::yes : Done::no;
  std::optional<os::EventFd> event;
  if (with_fd) {
    auto adopted = os::EventFd::adopt(message.fds.front().duplicate());
    if (!adopted) return Done::no;
    event = std::move(*adopted);
  }
  const auto request = static_cast<Request>(message.header.request);
  if (request == Request::set_vring_call) rings_[index]->call_by(std::move(event));
  if (request != Request::set_vring_kick || !event) return Done::yes;
  rings_[index]->deaf = deaf_ || (world_.restarted && lies(Lie::is_deaf_after_a_kill)) ||
                        (index > 0 && lies(Lie::serves_the_first_ring_only));
  rings_[index]->start(std::move(*event));
  return Done::yes;
}

}  // namespace bellwire::host::conform
