// SPDX-License-Identifier: BSD-3-Clause
//
// SplitRing: a driver's split virtqueue as plain words in shared memory. It does what it is told,
// also what no driver may do, so that a back-end can be tried with it. Drivers that only want their
// requests served use virtio/virtqueue.hpp. One thread.
//
// Source: virtio 1.2, section 2.7; <linux/virtio_ring.h> has the structures.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "vdev/transport/vhost_user/client/guest_memory.hpp"

namespace bellwire::vhost_user {

/// A buffer of a request, by guest address.
struct Buffer {
  std::uint64_t address = 0;
  std::uint32_t size = 0;
  bool writable = false;  ///< by the device
};

class SplitRing {
 public:
  /// Allocates it in one piece of `memory`, which outlives it. ENOMEM: the piece is full.
  [[nodiscard]] static Result<SplitRing> create(GuestMemory& memory, std::uint16_t size,
                                                std::size_t piece = 0);

  [[nodiscard]] std::uint16_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t descriptors() const noexcept { return descriptors_; }
  [[nodiscard]] std::uint64_t available() const noexcept { return available_; }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }

  /// As if `index` requests had been offered and used before.
  void begin_at(std::uint16_t index) noexcept;

  /// Describes a request and returns its head, which offer() makes available. Empty: there are not
  /// enough free descriptors.
  [[nodiscard]] std::optional<std::uint16_t> describe(std::span<const Buffer> buffers);
  /// The same with a table of its own: the ring has one descriptor for it, with `flags` besides.
  [[nodiscard]] std::optional<std::uint16_t> describe_indirect(std::span<const Buffer> before,
                                                               std::span<const Buffer> in_table,
                                                               std::uint16_t flags = 0);
  /// A descriptor, to be bent.
  [[nodiscard]] vring_desc& descriptor(std::uint16_t index) const noexcept;

  void offer(std::uint16_t head) noexcept;
  [[nodiscard]] std::uint16_t offered() const noexcept { return next_; }
  /// The available ring's index, as the device sees it.
  void set_available_index(std::uint16_t index) noexcept;

  /// The device's index.
  [[nodiscard]] std::uint16_t used_index() const noexcept;
  /// The next completion, once; its descriptors are free again. Empty: there is none.
  [[nodiscard]] std::optional<vring_used_elem> take();
  /// How many completions have come that were not taken.
  [[nodiscard]] std::uint16_t completed() const noexcept {
    return static_cast<std::uint16_t>(used_index() - taken_);
  }

  // When to kick and when to call, section 2.7.7 and 2.7.10.

  void set_available_flags(std::uint16_t flags) noexcept;
  void set_used_event(std::uint16_t index) noexcept;
  [[nodiscard]] std::uint16_t used_flags() const noexcept;
  [[nodiscard]] std::uint16_t available_event() const noexcept;

 private:
  SplitRing(GuestMemory& memory, std::uint16_t size) noexcept : memory_(&memory), size_(size) {}
  void write_chain(std::span<const Buffer> buffers, std::span<const std::uint16_t> indices);
  [[nodiscard]] std::uint16_t* available_word(std::size_t index) const noexcept;

  GuestMemory* memory_;
  std::uint16_t size_;
  std::uint64_t descriptors_ = 0, available_ = 0, used_ = 0;
  std::vector<std::uint16_t> free_;
  std::map<std::uint16_t, std::vector<std::uint16_t>> chains_;  // by head
  std::uint16_t next_ = 0, taken_ = 0;
};

}  // namespace bellwire::vhost_user
