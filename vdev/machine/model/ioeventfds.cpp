// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/ioeventfds.hpp"

#include <algorithm>
#include <array>
#include <boost/container_hash/hash.hpp>

namespace bellwire::machine {
namespace {

// Wraps at 2^64, as the kernel's own sum does; an ioeventfd that would wrap is refused. So it is
// not an AddressRange, nor could one have a length of 0.
std::uint64_t end(const IoRange& range) {
  return range.address + range.length;
}

// The kernel's order: below 0 if `one` begins earlier, above if it ends later. Not a total one.
int compare(const IoRange& one, const IoRange& other) {
  if (one.address < other.address) return -1;
  if (other.length == 0) return one.address > other.address ? 1 : 0;
  return end(one) > end(other) ? 1 : 0;
}

bool overlap(const IoRange& one, const IoRange& other) {
  const auto& [first, second] =
      std::minmax(one, other, [](const auto& a, const auto& b) { return a.address < b.address; });
  // A place without length overlaps the end of another, too.
  return first.address != second.address &&
         (second.length == 0 ? second.address <= end(first) : second.address < end(first));
}

}  // namespace

std::size_t IoRanges::overlaps_with(const IoRange& range) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      places_, [&range](const OwnedRange& other) { return overlap(range, other.range); }));
}

void IoRanges::insert(const IoRange& range, const void* owner) {
  overlaps_ += overlaps_with(range);
  const auto behind = std::ranges::find_if(
      places_, [&range](const OwnedRange& other) { return compare(other.range, range) > 0; });
  places_.insert(behind, {range, owner});
}

void IoRanges::erase(const void* owner) {
  const auto place = std::ranges::find(places_, owner, &OwnedRange::owner);
  if (place == places_.end()) return;
  const auto range = place->range;
  places_.erase(place);
  overlaps_ -= overlaps_with(range);
}

std::optional<std::size_t> IoRanges::search(const IoRange& access) const {
  std::size_t base = 0;
  for (auto count = places_.size(); count > 0; count /= 2) {
    const auto middle = base + count / 2;
    const int order = compare(access, places_[middle].range);
    if (order == 0) return middle;
    if (order > 0) {
      base = middle + 1;
      --count;
    }
  }
  return std::nullopt;
}

bool IoRanges::finds(const IoRange& access, const void* owner) const {
  if (overlaps_ == 0) return true;
  const auto found = search(access);
  if (!found) return false;
  const auto equal = [&](std::size_t at) { return compare(access, places_[at].range) == 0; };
  auto at = *found;
  while (at > 0 && equal(at - 1)) --at;
  for (; at < places_.size() && equal(at); ++at)
    if (places_[at].owner == owner) return true;
  return false;
}

namespace {

constexpr std::uint32_t ioeventfd_flags = (1u << kvm_ioeventfd_flag_nr_max) - 1;
constexpr std::uint32_t bus_flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
constexpr std::array<std::uint32_t, 5> lengths{0, 1, 2, 4, 8};

bool well_formed(const kvm_ioeventfd& request) {
  return std::ranges::find(lengths, request.len) != lengths.end() &&
         request.addr + request.len >= request.addr && (request.flags & ~ioeventfd_flags) == 0 &&
         (request.len != 0 || (request.flags & KVM_IOEVENTFD_FLAG_DATAMATCH) == 0);
}

std::uint32_t bus_of(Space space) {
  return space == Space::pio ? std::uint32_t{KVM_IOEVENTFD_FLAG_PIO} : 0;
}

}  // namespace

std::size_t IoEventFds::Hash::operator()(const Place& place) const noexcept {
  std::size_t seed = place.bus;
  boost::hash_combine(seed, place.address);
  boost::hash_combine(seed, place.length.value_or(~0u));
  return seed;
}

std::size_t IoEventFds::Hash::operator()(const Key& key) const noexcept {
  std::size_t seed = (*this)(key.place);
  if (key.match) boost::hash_combine(seed, *key.match);
  return seed;
}

IoEventFds::Key IoEventFds::key_of(const kvm_ioeventfd& request) noexcept {
  const bool matches = (request.flags & KVM_IOEVENTFD_FLAG_DATAMATCH) != 0;
  return {{request.flags & bus_flags, request.addr, request.len},
          matches ? std::optional<std::uint64_t>(request.datamatch) : std::nullopt};
}

// Rule 20.
bool IoEventFds::collides(const Key& key) const {
  auto [bus, address, length] = key.place;
  if (entries_.contains({{bus, address, 0}, std::nullopt})) return true;
  if (length == 0u) return taken_.contains({bus, address, std::nullopt});
  if (!key.match) return taken_.contains(key.place);
  return entries_.contains({key.place, std::nullopt}) || entries_.contains(key);
}

int IoEventFds::request(const kvm_ioeventfd& request) {
  return (request.flags & KVM_IOEVENTFD_FLAG_DEASSIGN) != 0 ? deassign(request) : assign(request);
}

int IoEventFds::assign(const kvm_ioeventfd& request) {
  if (!well_formed(request)) return EINVAL;
  auto event = EventReference::create(request.fd);
  if (!event) return event.error().code.value();
  const auto key = key_of(request);
  if (collides(key)) return EEXIST;
  const auto entry = entries_.emplace(key, std::move(*event)).first;
  buses_[key.place.bus].insert({request.addr, request.len}, &entry->second);
  ++taken_[key.place];
  ++taken_[{key.place.bus, key.place.address, std::nullopt}];
  return 0;
}

int IoEventFds::deassign(const kvm_ioeventfd& request) {
  const auto event = EventReference::create(request.fd);
  if (!event) return event.error().code.value();
  const auto key = key_of(request);
  const auto entry = entries_.find(key);
  if (entry == entries_.end() || entry->second.id() != event->id()) return ENOENT;
  buses_[key.place.bus].erase(&entry->second);
  entries_.erase(entry);
  for (const auto& place : {key.place, Place{key.place.bus, key.place.address, std::nullopt}})
    if (--taken_[place] == 0) taken_.erase(place);
  return 0;
}

void IoEventFds::reserve(Space space, const IoRange& range) {
  buses_[bus_of(space)].insert(range);
}

bool IoEventFds::write(Space space, std::uint64_t address, unsigned size,
                       std::uint64_t value) const {
  const Place place{bus_of(space), address, size};
  const std::array<Key, 3> candidates{Key{place, low_bytes(value, size)}, Key{place, std::nullopt},
                                      Key{{place.bus, address, 0}, std::nullopt}};
  for (const auto& key : candidates) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) continue;
    if (!buses_.at(place.bus).finds({address, size}, &entry->second)) return false;
    entry->second.signal();
    return true;
  }
  return false;
}

}  // namespace bellwire::machine
