// SPDX-License-Identifier: BSD-3-Clause
//
// Chain: one request of a driver, as a device sees it: the buffers that the device may read, then
// those that it may write. The driver wrote the descriptors; each was copied once and checked, and
// only the copy is used. The buffers' bytes are the driver's memory and may change at any time.
//
// How a driver splits a request into buffers means nothing (virtio 1.2, section 2.7.4): a buffer
// that spans two regions of memory is two spans here, an empty one is none.
//
// ChainStorage: the room for a chain's spans, to be used again and again. It allocates when a chain
// has more buffers than any before, so a pool that is used last in, first out stops allocating
// soon. At most 16 bytes per entry of the queue, and 1 KiB.
//
// Source: virtio 1.2, sections 2.7.4, 2.7.5, 2.8.5 to 2.8.7 and 2.8.19. Any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "vdev/os/result.hpp"

namespace bellwire::virtio {

struct Chain {
  std::uint16_t id = 0;             ///< split: index of the first descriptor; packed: the buffer ID
  std::uint16_t descriptors = 0;    ///< of the ring, that it takes; those in a table don't count
  std::uint64_t readable_size = 0;  ///< bytes, in all of `readable`
  std::uint64_t writable_size = 0;
  std::span<const std::span<const std::byte>> readable = {};
  std::span<const std::span<std::byte>> writable = {};
};

/// Why a chain was refused.
enum class ChainFault : std::uint8_t {
  none,
  next_out_of_range,        ///< value: the index of the next descriptor
  loop,                     ///< value: descriptors followed, which is more than the table has
  too_long,                 ///< value: descriptors, which is more than the queue has
  outside_memory,           ///< value: the guest address that is in no mapped, writable memory
  next_with_indirect,       ///< value: the descriptor's flags; packed: also within a list
  nested_indirect,          ///< value: the flags
  indirect_not_agreed,      ///< value: the flags. VIRTIO_F_INDIRECT_DESC was not negotiated
  table_size,               ///< value: bytes of the indirect table: 0, or not a multiple of 16
  readable_after_writable,  ///< value: the guest address of the readable buffer
  too_many_bytes,           ///< value: bytes in all buffers, more than 2^32
  too_many_spans,           ///< value: spans; the buffers cross more regions than an honest one can
  no_memory,                ///< value: the spans for which this process has no memory
};

struct ChainError {
  ChainFault fault = ChainFault::none;
  std::uint64_t value = 0;
};

/// In one line, with the value.
[[nodiscard]] std::string describe(const ChainError& error);

class ChainBuilder;

class ChainStorage {
 public:
  /// What the last pop() took into this storage.
  [[nodiscard]] const Chain& chain() const noexcept { return chain_; }

 private:
  friend class ChainBuilder;
  static constexpr std::size_t span_size = sizeof(std::span<std::byte>);

  Chain chain_;
  std::size_t capacity_ = 0;  // spans
  std::unique_ptr<std::byte[]> spans_;
};

}  // namespace bellwire::virtio
