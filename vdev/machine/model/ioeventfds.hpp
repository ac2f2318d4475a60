// SPDX-License-Identifier: BSD-3-Clause
//
// IoEventFds: a model of the table behind KVM_IOEVENTFD. What can stand in it beside what is such
// that no write ever finds two entries, so a lookup is three probes, however many there are.
// (Unless entries overlap: then the kernel's own search decides, see IoRanges.)
// One thread at a time. Source: docs/semantics.md, 15 to 26.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <unordered_map>

#include "vdev/machine/machine.hpp"
#include "vdev/machine/model/event_reference.hpp"
#include "vdev/machine/model/io_ranges.hpp"

namespace bellwire::machine {

class IoEventFds {
 public:
  /// A place on the bus that the machine has taken for itself.
  void reserve(Space space, const IoRange& range);

  /// As the ioctl: 0 or what errno would be.
  [[nodiscard]] int request(const kvm_ioeventfd& request);

  /// Whether an entry took the write, and its eventfd was signalled.
  bool write(Space space, std::uint64_t address, unsigned size, std::uint64_t value) const;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  /// Where entries may be in each other's way: an address, and a length there or all of them.
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
