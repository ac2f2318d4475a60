// SPDX-License-Identifier: BSD-3-Clause
//
// PackedRing: a driver's packed virtqueue as plain words in shared memory, as SplitRing is a split
// one: it does what it is told, also what no driver may do. It shares nothing with vdev/virtio, so
// that a mistake there about wrap counters is no mistake here. One thread.
//
// Source: virtio 1.2, section 2.8; <linux/virtio_ring.h> has the structures.
#pragma once

#include <map>

#include "vdev/transport/vhost_user/client/split_ring.hpp"

namespace bellwire::vhost_user {

/// An index into a packed ring, with its wrap counter.
struct PackedPlace {
  std::uint16_t index = 0;
  bool wrap = true;

  /// As event suppression structures and SET_VRING_BASE have it: the wrap counter is bit 15.
  [[nodiscard]] std::uint16_t word() const noexcept {
    return static_cast<std::uint16_t>(index | (wrap ? 1U << VRING_PACKED_EVENT_F_WRAP_CTR : 0U));
  }
  [[nodiscard]] static PackedPlace of(std::uint16_t word) noexcept;
  [[nodiscard]] PackedPlace after(unsigned count, std::uint16_t size) const noexcept;
  friend bool operator==(const PackedPlace&, const PackedPlace&) noexcept = default;
};

class PackedRing {
 public:
  /// As SplitRing::create(); any size.
  [[nodiscard]] static Result<PackedRing> create(GuestMemory& memory, std::uint16_t size,
                                                 std::size_t piece = 0);

  [[nodiscard]] std::uint16_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t descriptors() const noexcept { return descriptors_; }
  [[nodiscard]] std::uint64_t driver_event() const noexcept { return driver_event_; }
  [[nodiscard]] std::uint64_t device_event() const noexcept { return device_event_; }

  /// Nothing is available or used, and both sides go on from there.
  void begin_at(PackedPlace place) noexcept;

  /// Describes a request in the next descriptors, and returns its buffer ID, by which offer() makes
  /// it available: in the order of the descriptions. Empty: there are not enough free descriptors.
  [[nodiscard]] std::optional<std::uint16_t> describe(std::span<const Buffer> buffers);
  /// The same in a table of its own; `flags` besides.
  [[nodiscard]] std::optional<std::uint16_t> describe_indirect(std::span<const Buffer> in_table,
                                                               std::uint16_t flags = 0);
  /// A descriptor, to be bent: of a request that was described, the `nth`; or any of the ring.
  [[nodiscard]] vring_packed_desc& descriptor(std::uint16_t id, unsigned nth = 0) const noexcept;
  [[nodiscard]] vring_packed_desc& at(std::uint16_t index) const noexcept;

  void offer(std::uint16_t id) noexcept;
  /// Where the next request will be described, and where the next completion is looked for.
  [[nodiscard]] PackedPlace next() const noexcept { return next_; }
  [[nodiscard]] PackedPlace next_used() const noexcept { return next_used_; }

  /// Where the device goes on to return requests, as far as it can be seen here.
  [[nodiscard]] PackedPlace device_used() const noexcept;
  /// How many completions have come that were not taken.
  [[nodiscard]] std::uint16_t completed() const noexcept;
  /// The next completion, once; its descriptors are free again. Empty: there is none. The length of
  /// a request without writable buffers has no meaning unless the device says that it wrote.
  [[nodiscard]] std::optional<vring_used_elem> take();

  /// When to call: one of VRING_PACKED_EVENT_FLAG_…, and the place for FLAG_DESC.
  void ask_for_calls(std::uint16_t flags, PackedPlace place = {}) noexcept;
  /// What the device says of kicks, likewise.
  [[nodiscard]] vring_packed_desc_event asked_for_kicks() const noexcept;

 private:
  PackedRing(GuestMemory& memory, std::uint16_t size) noexcept : memory_(&memory), size_(size) {}
  struct Chain {
    PackedPlace first;
    std::uint16_t count;
    bool writable;  // any of it
  };
  [[nodiscard]] bool used_at(PackedPlace place) const noexcept;
  [[nodiscard]] std::uint16_t count_of(std::uint16_t id) const noexcept;
  struct Walk {
    std::uint16_t completed;
    PackedPlace end;
  };
  [[nodiscard]] Walk walk() const noexcept;
  void write(PackedPlace place, const Buffer& buffer, std::uint16_t id, unsigned flags) noexcept;

  GuestMemory* memory_;
  std::uint16_t size_;
  std::uint64_t descriptors_ = 0, driver_event_ = 0, device_event_ = 0;
  std::vector<std::uint16_t> free_ids_;
  std::map<std::uint16_t, Chain> chains_;  // by buffer ID
  std::uint16_t free_ = 0;                 // descriptors
  PackedPlace next_, next_used_;
};

}  // namespace bellwire::vhost_user
