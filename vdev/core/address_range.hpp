// SPDX-License-Identifier: BSD-3-Clause
//
// AddressRange: the bytes from `first` to `last`, inclusive, in a space of 2^64 bytes. It is never
// empty and never wraps, and it may contain the last byte of the space, which an address plus a
// size could not express. All comparisons of a guest's addresses and of a peer's offsets and sizes
// are done here, so that sums that can overflow occur in this file alone. Any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace bellwire {

class AddressRange {
 public:
  /// `size` bytes from `first` on. Empty: `size` is 0, or they reach past the end of the space.
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

  /// The bytes before `address`, which the range contains …
  [[nodiscard]] constexpr std::uint64_t offset_of(std::uint64_t address) const noexcept {
    return address - first_;
  }
  /// … and the bytes from it to the end of the range.
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

/// Whether `size` bytes, possibly 0, from `offset` on lie within `whole` bytes.
[[nodiscard]] constexpr bool fits(std::uint64_t offset, std::uint64_t size,
                                  std::uint64_t whole) noexcept {
  return offset <= whole && size <= whole - offset;
}

}  // namespace bellwire
