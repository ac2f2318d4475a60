// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/address_table.hpp"

#include <algorithm>

namespace bellwire::net {

AddressTable::AddressTable(unsigned ports, Clock::duration age)
    : ports_(ports), age_(age), entries_(std::size_t{sets} * ports * ways) {}

// Fibonacci hashing: the highest bits of the product depend on all bits of the address.
std::size_t AddressTable::set_of(std::uint64_t address) const noexcept {
  constexpr std::uint64_t golden_ratio = 0x9E37'79B9'7F4A'7C15;
  static_assert(sets == 64);
  return (address * golden_ratio >> 58) * ports_ * ways;
}

std::span<AddressTable::Entry> AddressTable::set(std::uint64_t address) noexcept {
  return std::span(entries_).subspan(set_of(address), std::size_t{ports_} * ways);
}

std::span<const AddressTable::Entry> AddressTable::set(std::uint64_t address) const noexcept {
  return std::span(entries_).subspan(set_of(address), std::size_t{ports_} * ways);
}

void AddressTable::learn(const MacAddress& address, unsigned port, Clock::time_point now) noexcept {
  const auto number = address.number();
  const auto all = set(number);
  const auto own = all.subspan(std::size_t{port} * ways, ways);
  if (const auto known = std::ranges::find(own, number, &Entry::address); known != own.end()) {
    known->seen = now;
    return;
  }
  std::ranges::replace_if(
      all, [number](const Entry& entry) { return entry.address == number; }, Entry{});
  const auto age = [](const Entry& entry) { return std::pair(entry.address != 0, entry.seen); };
  *std::ranges::min_element(own, {}, age) = {number, now};
}

std::optional<unsigned> AddressTable::find(const MacAddress& address,
                                           Clock::time_point now) const noexcept {
  const auto number = address.number();
  const auto all = set(number);
  const auto known = std::ranges::find(all, number, &Entry::address);
  if (number == 0 || known == all.end() || now - known->seen >= age_) return std::nullopt;
  return static_cast<unsigned>(known - all.begin()) / ways;
}

void AddressTable::forget(unsigned port) noexcept {
  for (std::size_t index = 0; index < entries_.size(); ++index)
    if (index / ways % ports_ == port) entries_[index] = {};
}

}  // namespace bellwire::net
