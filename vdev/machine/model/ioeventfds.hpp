// SPDX-License-Identifier: BSD-3-Clause
//
// The model of KVM_IOEVENTFD: IoRanges is KVM's search of its I/O buses, IoEventFds the table of
// the ioeventfds on them. One thread at a time. Source: docs/semantics.md, 15 to 26.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "vdev/machine/machine.hpp"
#include "vdev/machine/model/event_reference.hpp"

namespace bellwire::machine {

/// The address ranges on one of KVM's I/O buses, in the order in which the kernel keeps them. The
/// kernel finds an access by binary search, comparing it as equal to every range that contains it.
/// Among disjoint ranges that finds the right one. Among overlapping ranges the result depends on
/// the order of their insertion, and may miss a range; this class searches the same way. Source:
/// docs/semantics.md, 21; Linux virt/kvm/kvm_main.c.
struct IoRange {
  std::uint64_t address;
  std::uint32_t length;  ///< in bytes; 0: any
};

class IoRanges {
 public:
  /// `owner` distinguishes equal ranges.
  void insert(const IoRange& range, const void* owner = nullptr);
  void erase(const void* owner);

  /// Whether the kernel's search for `access` visits the range of `owner`.
  [[nodiscard]] bool finds(const IoRange& access, const void* owner) const;

 private:
  struct OwnedRange {
    IoRange range;
    const void* owner;
  };
  [[nodiscard]] std::size_t overlaps_with(const IoRange& range) const;
  [[nodiscard]] std::optional<std::size_t> search(const IoRange& access) const;

  std::vector<OwnedRange> places_;
  std::size_t overlaps_ = 0;  // pairs of ranges that overlap and begin at different addresses
};

/// The table behind KVM_IOEVENTFD. Its rules never let one write match two entries, so a lookup
/// takes three probes, however many entries there are. (If entries overlap, the kernel's search
/// decides, see IoRanges.)
class IoEventFds {
 public:
  /// Marks a range on the bus that the machine uses itself.
  void reserve(Space space, const IoRange& range);

  /// The ioctl: returns 0 or what errno would be.
  [[nodiscard]] int request(const kvm_ioeventfd& request);

  /// Whether an entry took the write, and its eventfd was signalled.
  bool write(Space space, std::uint64_t address, unsigned size, std::uint64_t value) const;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  /// Where entries may collide: an address, with a length or for all lengths.
  struct Place {
    std::uint32_t bus;
    std::uint64_t address;
    std::optional<std::uint32_t> length;
    bool operator==(const Place&) const = default;
  };
  struct Key {
    Place place;
    std::optional<std::uint64_t> match;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Place& place) const noexcept;
    std::size_t operator()(const Key& key) const noexcept;
  };

  static Key key_of(const kvm_ioeventfd& request) noexcept;
  [[nodiscard]] bool collides(const Key& key) const;
  int assign(const kvm_ioeventfd& request);
  int deassign(const kvm_ioeventfd& request);

  std::unordered_map<Key, EventReference, Hash> entries_;
  std::unordered_map<std::uint32_t, IoRanges> buses_;
  std::unordered_map<Place, unsigned, Hash> taken_;  // how many entries are at each place
};

}  // namespace bellwire::machine
