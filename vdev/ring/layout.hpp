// SPDX-License-Identifier: BSD-3-Clause
//
// Layout: where things are in the shared memory. The layout and the rules are those of
// guest-kmod/uapi/bellwire.h, part 1; here they become C++ views, made from a copy of the format
// that was checked once. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/attachment.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::ring {

constexpr std::uint32_t usual_ring_entries = 256;
constexpr std::uint32_t most_trace_entries = 4096;  // that format() makes per side

/// Whether nobody has formatted `memory` yet.
[[nodiscard]] bool blank(std::span<const std::byte> memory) noexcept;

/// The bytes of memory that format() divides into `queues` queues with rings of `entries` and at
/// least `payload` bytes of payload each. EINVAL: no ring or no memory has that size.
[[nodiscard]] Result<std::uint64_t> memory_size(unsigned queues, std::uint32_t entries,
                                                std::uint64_t payload);

/// Divides blank memory into `queues` equal queues, with rings of `entries`, a power of two. In
/// small memory the rings get fewer, so that half of each queue is left: half of that for records,
/// the rest for payload. EINVAL: the memory is too small even so.
[[nodiscard]] Result<void> format(std::span<std::byte> memory, unsigned queues,
                                  std::uint32_t entries = usual_ring_entries);

/// Makes memory blank again, whatever it contains. The device's incarnation is kept, so that the
/// next device gets a new one.
void wipe(std::span<std::byte> memory) noexcept;

/// New memory to share, already formatted.
struct SharedMemory {
  os::UniqueFd fd;
  MemoryView view;
};
[[nodiscard]] Result<SharedMemory> create_memory(const std::string& name, std::uint64_t size,
                                                 unsigned queues,
                                                 std::uint32_t entries = usual_ring_entries);

/// What the layout of a queue depends on.
struct QueueSizes {
  std::uint32_t ring_entries;   ///< a power of two
  std::uint32_t trace_entries;  ///< likewise, or 0
};

/// One queue: control words, rings, records, payload.
struct Queue {
  bellwire_queue_control* control;
  bellwire_request* requests;
  bellwire_completion* completions;
  bellwire_record* records;
  std::span<std::byte> payload;
  std::uint32_t entries;        ///< of each ring; a power of two
  std::uint32_t trace_entries;  ///< of each side's records; likewise, or 0

  /// Indices are free-running: they wrap at 2^32.
  [[nodiscard]] bellwire_request& request(std::uint32_t index) const noexcept {
    return requests[index & (entries - 1)];
  }
  [[nodiscard]] bellwire_completion& completion(std::uint32_t index) const noexcept {
    return completions[index & (entries - 1)];
  }

  [[nodiscard]] std::span<bellwire_record> records_of(bellwire_side side) const noexcept {
    return {records + std::size_t{side} * trace_entries, trace_entries};
  }

  /// A view of the bytes of one queue. `sizes` have been checked against their number.
  static Queue over(std::span<std::byte> bytes, const QueueSizes& sizes) noexcept;
};

/// What a queue's `status` says. Its peer can write the word as well: a number that no device
/// writes is BELLWIRE_QUEUE_BAD_COMPLETED: a device's own word that can't be right.
[[nodiscard]] bellwire_queue_status queue_status(std::uint32_t word) noexcept;

/// The whole shared memory of one device.
class Layout {
 public:
  /// EPROTO: the memory is blank, or its format is broken.
  [[nodiscard]] static Result<Layout> open(MemoryView memory);
  /// Likewise, but uses the attachment's checked format if it has one, not the memory's.
  [[nodiscard]] static Result<Layout> open(const Attachment& attachment);

  /// The checked copy of the format.
  [[nodiscard]] const bellwire_format& format() const noexcept { return format_; }
  [[nodiscard]] unsigned queues() const noexcept { return format_.queues; }
  [[nodiscard]] Queue queue(unsigned index) const noexcept;
  [[nodiscard]] bellwire_device_line& device_line() const noexcept;

 private:
  static Result<Layout> check(MemoryView memory, const bellwire_format& format);
  Layout(MemoryView memory, const bellwire_format& format)
      : memory_(std::move(memory)), format_(format) {}
  MemoryView memory_;
  bellwire_format format_;  // our checked copy
};

/// Reads and checks the format of an attachment's memory, once for all later users; formats blank
/// memory with `most_queues` queues, or with fewer if there are fewer wires. EPROTO, EINVAL.
[[nodiscard]] Result<void> settle_format(Attachment& attachment, unsigned most_queues);

}  // namespace bellwire::ring
