// SPDX-License-Identifier: BSD-3-Clause
//
// AddressRange: the bytes from `first` to `last`, both included, in a space of 2^64. It is never
// empty and never wraps, and it may hold the space's last byte, which the sum of an address and a
// size cannot express. Whatever compares a guest's addresses, or a peer's offsets and sizes, does
// so here: the sums that can overflow are in this file alone.
#pragma once

#include <cstdint>
#include <optional>

namespace bellwire {

class AddressRange {
 public:
  /// `size` bytes from `first` on. Empty: they are none, or go past the space's end.
  [[nodiscard]] static constexpr std::optional<AddressRange> create(std::uint64_t first,
                                                                    std::uint64_t size) noexcept {
    if (size == 0 || size - 1 > ~first) return std::nullopt;
    return AddressRange(first, first + (size - 1));
  }

  [[nodiscard]] constexpr std::uint64_t first() const noexcept { return first_; }
  [[nodiscard]] constexpr std::uint64_t last() const noexcept { return last_; }
  [[nodiscard]] constexpr std::uint64_t size() const noexcept { return last_ - first_ + 1; }

  [[nodiscard]] constexpr bool contains(std::uint64_t address) const noexcept {
    return first_ <= address && address <= last_;
  }
  [[nodiscard]] constexpr bool contains(const AddressRange& other) const noexcept {
    return first_ <= other.first_ && other.last_ <= last_;
  }
  [[nodiscard]] constexpr bool overlaps(const AddressRange& other) const noexcept {
    return first_ <= other.last_ && other.first_ <= last_;
  }

  /// Of an address that it contains: the bytes before it …
  [[nodiscard]] constexpr std::uint64_t offset_of(std::uint64_t address) const noexcept {
    return address - first_;
  }
  /// … and those from it to the end.
  [[nodiscard]] constexpr std::uint64_t bytes_from(std::uint64_t address) const noexcept {
    return last_ - address + 1;
  }

  friend constexpr bool operator==(const AddressRange&, const AddressRange&) noexcept = default;

 private:
  constexpr AddressRange(std::uint64_t first, std::uint64_t last) noexcept
      : first_(first), last_(last) {}
  std::uint64_t first_;
  std::uint64_t last_;
};

/// Whether `size` bytes, which may be none, lie from `offset` on in something of `whole` bytes.
[[nodiscard]] constexpr bool fits(std::uint64_t offset, std::uint64_t size,
                                  std::uint64_t whole) noexcept {
  return offset <= whole && size <= whole - offset;
}

}  // namespace bellwire
