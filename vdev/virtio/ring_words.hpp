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

namespace bellwire::virtio {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(vring_desc) == 16 && sizeof(vring_packed_desc) == 16);
static_assert(sizeof(vring_used_elem) == 8 && sizeof(vring_packed_desc_event) == 4);

}  // namespace bellwire::virtio
