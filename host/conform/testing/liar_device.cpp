// SPDX-License-Identifier: BSD-3-Clause
//
// What the liar's disk, entropy source and network device do with a request.
#include <linux/virtio_blk.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "host/conform/testing/liar_ring.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::Bytes;

constexpr std::uint64_t sector_bytes = 512;

Bytes gather(const LiarChain& chain) {
  Bytes bytes;
  for (const auto& piece : chain.pieces)
    if (!piece.writable)
      vhost_user::append(bytes, std::span<const std::byte>(piece.data, piece.size));
  return bytes;
}

void scatter(const LiarChain& chain, std::span<const std::byte> bytes) {
  for (const auto& piece : chain.pieces) {
    if (!piece.writable) continue;
    const auto size = std::min<std::size_t>(piece.size, bytes.size());
    std::copy_n(bytes.begin(), size, piece.data);
    bytes = bytes.subspan(size);
  }
}

std::size_t room_of(const LiarChain& chain) {
  std::size_t room = 0;
  for (const auto& piece : chain.pieces) room += piece.writable ? piece.size : 0;
  return room;
}

std::uint32_t give_entropy(const LiarWorld& world, const LiarChain& chain) {
  static std::uint64_t state = 88172645463325252;  // Marsaglia's xorshift
  Bytes bytes(room_of(chain), std::byte{0x5a});
  for (auto& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (!world.lies(Lie::repeats_itself)) byte = static_cast<std::byte>(state);
  }
  scatter(chain, bytes);
  return static_cast<std::uint32_t>(bytes.size());
}

void send_frame(LiarWorld& world, const LiarChain& chain) {
  constexpr std::size_t header = 12;
  const auto bytes = gather(chain);
  constexpr std::size_t least = 14;  // addresses and a type
  const bool runt = bytes.size() < header + least;
  if (!world.deliver || (runt && !world.lies(Lie::delivers_runts))) return;
  const auto begin = static_cast<std::ptrdiff_t>(std::min(bytes.size(), header));
  const Bytes frame(bytes.begin() + begin, bytes.end());
  const bool taken = world.deliver(frame);
  if (world.lies(Lie::sends_frames_back)) world.back(frame);
  world.held = !taken && world.lies(Lie::waits_for_buffers_to_receive);
}

class DiskRequest {
 public:
  DiskRequest(LiarWorld& world, const LiarChain& chain)
      : world_(world), out_(gather(chain)), in_(std::max<std::size_t>(room_of(chain), 1) - 1) {}

  unsigned run() {
    const auto header = vhost_user::head<virtio_blk_outhdr>(out_);
    if (!header) return VIRTIO_BLK_S_IOERR;
    out_.erase(out_.begin(), out_.begin() + sizeof *header);
    switch (header->type) {
      case VIRTIO_BLK_T_IN:
        return read(header->sector);
      case VIRTIO_BLK_T_OUT:
        return write(header->sector);
      case VIRTIO_BLK_T_FLUSH:
        return told(Lie::fails_flush) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
      case VIRTIO_BLK_T_GET_ID:
        return told(Lie::has_no_id) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
      case VIRTIO_BLK_T_DISCARD:
      case VIRTIO_BLK_T_WRITE_ZEROES:
        return clear(header->type == VIRTIO_BLK_T_DISCARD);
      default:
        return told(Lie::supports_the_unknown) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_UNSUPP;
    }
  }

  [[nodiscard]] const Bytes& in() const noexcept { return in_; }

 private:
  [[nodiscard]] bool told(Lie lie) const { return world_.lies(lie); }

  [[nodiscard]] bool fits(std::uint64_t sector, std::size_t size) const {
    return sector < world_.disk.size() / sector_bytes &&
           size <= world_.disk.size() - sector * sector_bytes;
  }

  unsigned read(std::uint64_t sector) {
    if (!fits(sector, in_.size()))
      return told(Lie::reads_beyond) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
    std::copy_n(world_.disk.begin() + static_cast<std::ptrdiff_t>(sector * sector_bytes),
                in_.size(), in_.begin());
    return VIRTIO_BLK_S_OK;
  }

  unsigned write(std::uint64_t sector) {
    if (world_.nature.read_only && !told(Lie::writes_read_only_disk)) return VIRTIO_BLK_S_IOERR;
    if (!fits(sector, out_.size()))
      return told(Lie::writes_beyond) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
    if (told(Lie::writes_one_sector)) out_.resize(std::min(out_.size(), std::size_t{sector_bytes}));
    std::ranges::copy(out_,
                      world_.disk.begin() + static_cast<std::ptrdiff_t>(sector * sector_bytes));
    return VIRTIO_BLK_S_OK;
  }

  unsigned clear(bool discard) {
    const auto range = vhost_user::head<virtio_blk_discard_write_zeroes>(out_);
    if (!range) return VIRTIO_BLK_S_IOERR;
    const auto known = discard ? 0U : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    const bool ignored =
        told(discard ? Lie::ignores_discard_flags : Lie::ignores_write_zeroes_flags);
    if ((range->flags & ~known) != 0 && !ignored) return VIRTIO_BLK_S_UNSUPP;
    const auto size = range->num_sectors * sector_bytes;
    if (!fits(range->sector, size)) return VIRTIO_BLK_S_IOERR;
    const auto at = static_cast<std::ptrdiff_t>(range->sector * sector_bytes);
    if (!discard && !told(Lie::writes_no_zeroes))
      std::fill_n(world_.disk.begin() + at, size, std::byte{0});
    return VIRTIO_BLK_S_OK;
  }

  LiarWorld& world_;
  Bytes out_, in_;
};

std::uint32_t run_disk(LiarWorld& world, const LiarChain& chain) {
  DiskRequest request(world, chain);
  const bool cut = chain.pieces.front().size < sizeof(virtio_blk_outhdr);
  const auto status = cut && world.lies(Lie::assumes_the_header_whole)
                          ? unsigned{VIRTIO_BLK_S_IOERR}
                          : request.run();
  auto bytes = request.in();
  bytes.push_back(static_cast<std::byte>(status));
  scatter(chain, bytes);
  return static_cast<std::uint32_t>(bytes.size());
}

}  // namespace

std::uint32_t run_request(LiarWorld& world, const LiarChain& chain) {
  std::uint32_t written = 0;
  if (world.nature.kind == Kind::blk) written = run_disk(world, chain);
  if (world.nature.kind == Kind::net) send_frame(world, chain);
  if (world.nature.kind == Kind::rng) written = give_entropy(world, chain);
  if (world.memory.loss->happened()) world.dead = world.lies(Lie::dies_of_lost_memory);
  return written - (written > 0 && world.lies(Lie::reports_less) ? 1 : 0);
}

}  // namespace bellwire::host::conform
