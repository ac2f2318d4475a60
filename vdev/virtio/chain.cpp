// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/chain.hpp"

#include <algorithm>
#include <cstring>

#include "vdev/virtio/chain_builder.hpp"

namespace bellwire::virtio {

std::string describe(const ChainError& error) {
  switch (error.fault) {
    case ChainFault::none:
      return "nothing is wrong";
    case ChainFault::next_out_of_range:
      return text("next descriptor {} is out of range", error.value);
    case ChainFault::loop:
      return text("loop after {} descriptors", error.value);
    case ChainFault::too_long:
      return text("{} descriptors, more than the queue has", error.value);
    case ChainFault::outside_memory:
      return text("buffer outside of the guest's memory, at {:#x}", error.value);
    case ChainFault::next_with_indirect:
      return text("indirect descriptor within a list, flags {:#x}", error.value);
    case ChainFault::nested_indirect:
      return text("indirect descriptor in an indirect table, flags {:#x}", error.value);
    case ChainFault::indirect_not_agreed:
      return text("indirect descriptor without VIRTIO_F_INDIRECT_DESC, flags {:#x}", error.value);
    case ChainFault::table_size:
      return text("indirect table of {} bytes, not a multiple of 16", error.value);
    case ChainFault::readable_after_writable:
      return text("readable buffer after a writable one, at {:#x}", error.value);
    case ChainFault::too_many_bytes:
      return text("{} bytes in one chain, more than 2^32", error.value);
    case ChainFault::too_many_spans:
      return text("buffers in {} pieces of memory", error.value);
    case ChainFault::no_memory:
      return text("no memory for {} buffers", error.value);
  }
  return "unknown fault";
}

// An honest chain crosses each border between regions once; nobody has so many regions that touch.
bool ChainBuilder::grow() noexcept {
  constexpr std::size_t first = 8;
  constexpr std::size_t most_borders = 64;
  const auto most = most_buffers_ + most_borders;
  const auto spans = storage_.capacity_;
  if (spans >= most) return refuse(ChainFault::too_many_spans, spans + 1);
  const auto capacity = std::clamp(2 * spans, first, most);
  std::unique_ptr<std::byte[]> larger(new (std::nothrow)
                                          std::byte[capacity * ChainStorage::span_size]);
  if (!larger) return refuse(ChainFault::no_memory, capacity);
  if (spans > 0) std::memcpy(larger.get(), room(0), spans * ChainStorage::span_size);
  storage_.spans_ = std::move(larger);
  storage_.capacity_ = capacity;
  return true;
}

}  // namespace bellwire::virtio
