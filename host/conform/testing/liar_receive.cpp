// SPDX-License-Identifier: BSD-3-Clause
//
// What the liar does with a frame for one of its ports: it goes into as many of the front-end's
// buffers as it takes, or nowhere.
#include <algorithm>
#include <cstring>

#include "host/conform/testing/liar_ring.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::Bytes;

constexpr std::size_t header_bytes = 12, count_at = 10;  // virtio_net_hdr_v1, its num_buffers
constexpr unsigned merges_buffers = 15;
constexpr std::size_t long_frame = 1000;

std::size_t room_in(const LiarChain& chain) {
  std::size_t room = 0;
  for (const auto& piece : chain.pieces) room += piece.writable ? piece.size : 0;
  return room;
}

}  // namespace

std::optional<LiarRing::Room> LiarRing::take_room() {
  const auto before = next;
  pending_.clear();
  const bool any = packed() ? fetch_packed(1) : fetch_split(1);
  if (!any || pending_.empty()) return next = before, std::nullopt;
  const auto head = pending_.front();
  pending_.clear();
  return Room{head, packed() ? read_packed(head) : read(head)};
}

// None: there is not enough, and all stay where they are.
std::vector<LiarRing::Room> LiarRing::rooms_for(std::size_t bytes) {
  const bool merge = (world_.features & vhost_user::bit(merges_buffers)) != 0;
  const bool spills = !merge && world_.lies(Lie::writes_past_short_buffers);
  const auto before = next;
  std::vector<Room> rooms;
  std::size_t room = 0;
  while (room < bytes && (rooms.empty() || merge)) {
    auto one = take_room();
    if (!one) break;
    room += room_in(one->chain);
    rooms.push_back(std::move(*one));
  }
  if (room >= bytes || (spills && !rooms.empty())) return rooms;
  next = before;
  return {};
}

void LiarRing::fill(const Room& room, std::span<const std::byte>& rest) {
  std::uint32_t written = 0;
  for (const auto& piece : room.chain.pieces) {
    const bool spills = world_.lies(Lie::writes_past_short_buffers);
    const auto part = spills ? rest.size() : std::min<std::size_t>(piece.size, rest.size());
    std::copy_n(rest.begin(), part, piece.data);
    rest = rest.subspan(part);
    written += static_cast<std::uint32_t>(part);
  }
  finish(room.head, written);
}

bool LiarRing::receive(const Bytes& frame) {
  if (!started() || broken_ || stuck_ || deaf) {
    if (deaf) world_.withhold();
    return true;
  }
  if (!enabled && !world_.lies(Lie::fills_disabled_rings)) return true;
  Bytes all(header_bytes);
  vhost_user::append(all, std::span<const std::byte>(frame));
  if (frame.size() > long_frame && world_.lies(Lie::spoils_long_frames)) all.back() ^= std::byte{1};
  for (int times = world_.lies(Lie::delivers_twice) ? 2 : 1; times > 0; --times) {
    const auto rooms = rooms_for(all.size());
    if (rooms.empty()) return false;
    const bool merge = (world_.features & vhost_user::bit(merges_buffers)) != 0;
    auto count = static_cast<std::uint16_t>(rooms.size());
    if (!merge && world_.lies(Lie::leaves_the_header_empty)) count = 0;
    if (merge && world_.lies(Lie::counts_one_buffer)) count = 1;
    std::memcpy(all.data() + count_at, &count, sizeof count);
    std::span<const std::byte> rest(all);
    for (const auto& room : rooms) fill(room, rest);
  }
  return true;
}

}  // namespace bellwire::host::conform
