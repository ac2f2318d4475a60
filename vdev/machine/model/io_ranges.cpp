// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/io_ranges.hpp"

#include <algorithm>

namespace bellwire::machine {
namespace {

// Wraps at 2^64 as the kernel's own sum does, which this is to be like; an ioeventfd that would is
// refused. So it is no AddressRange, nor could one have a length of 0.
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
  // A place without length is met at the end of another, too.
  return first.address != second.address &&
         (second.length == 0 ? second.address <= end(first) : second.address < end(first));
}

}  // namespace

std::size_t IoRanges::overlaps_with(const IoRange& range) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      places_, [&range](const Place& other) { return overlap(range, other.range); }));
}

void IoRanges::insert(const IoRange& range, const void* owner) {
  overlaps_ += overlaps_with(range);
  const auto behind = std::ranges::find_if(
      places_, [&range](const Place& other) { return compare(other.range, range) > 0; });
  places_.insert(behind, {range, owner});
}

void IoRanges::erase(const void* owner) {
  const auto place = std::ranges::find(places_, owner, &Place::owner);
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

}  // namespace bellwire::machine
