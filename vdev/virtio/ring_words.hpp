// SPDX-License-Identifier: BSD-3-Clause
//
// The words of a virtqueue, from <linux/virtio_ring.h>. They are little-endian in memory, and read
// as they are here. Its struct vring, which old layouts need, is C only.
#pragma once

#ifndef VIRTIO_RING_NO_LEGACY
#define VIRTIO_RING_NO_LEGACY
#endif
#include <linux/virtio_ring.h>

#include <bit>
#include <cstdint>

#include "vdev/ring/words.hpp"

namespace bellwire::virtio {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(vring_desc) == 16 && sizeof(vring_packed_desc) == 16);
/// Writes a descriptor of either layout, each word once: the address, then the length and the two
/// fields behind it. They are put together by shifts, since a word that is read right after its
/// parts were written has to wait for them.
template <class Descriptor>
void write_descriptor(Descriptor& descriptor, std::uint64_t address, std::uint32_t size,
                      unsigned first, unsigned second) noexcept {
  auto* words = reinterpret_cast<std::uint64_t*>(&descriptor);
  ring::store(words[0], address, ring::relaxed);
  ring::store(words[1],
              size | std::uint64_t{first & 0xFFFF} << 32 | std::uint64_t{second & 0xFFFF} << 48,
              ring::relaxed);
}

static_assert(sizeof(vring_used_elem) == 8 && sizeof(vring_packed_desc_event) == 4);

}  // namespace bellwire::virtio
