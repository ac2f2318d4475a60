// SPDX-License-Identifier: BSD-3-Clause
//
// The header before each frame, and the features and config space of a network card: Linux's own,
// which is C, and has a member named by a word of C++.
// Source: virtio 1.2, sections 5.1.3, 5.1.4 and 5.1.6.
#pragma once

#include <linux/if_ether.h>
#include <linux/types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_types.h>
#define class class_
#include <linux/virtio_net.h>
#undef class

#include <cstddef>

namespace bellwire::net {

using Header = virtio_net_hdr_v1;
static_assert(sizeof(Header) == 12);
/// A driver of before virtio 1.0 has it without the number of buffers, unless buffers merge.
constexpr std::size_t old_header_bytes = sizeof(virtio_net_hdr);
static_assert(old_header_bytes == offsetof(Header, num_buffers));

}  // namespace bellwire::net
