// SPDX-License-Identifier: BSD-3-Clause
//
// Clock: what the guest's TSC is ahead of the host's. Both run alike; each hop from one to the
// other bounds their offset from one side, for nothing arrives before it was sent. Some hops are
// sure, others are only likely what they seem; those refine, but never overrule the sure ones.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bellwire::trace {

/// `least` or `most` that the offset can be, learnt at host time `when`.
struct Bound {
  std::uint64_t when;
  std::int64_t value;
  bool is_least;
  bool sure;
};

class Clock {
 public:
  /// One clock for both: no offset.
  Clock() = default;

  /// `span`: ticks that the recording took, which is how little is known without bounds.
  Clock(std::vector<Bound> bounds, std::uint64_t span);

  /// Guest minus host, in ticks, at host time `when`.
  [[nodiscard]] std::int64_t offset(std::uint64_t when) const noexcept;

  /// Ticks that any offset may be wrong by, either way.
  [[nodiscard]] std::uint64_t uncertainty() const noexcept { return uncertainty_; }

  /// Bounds that did not fit: after a sure one, the offset is sought anew.
  [[nodiscard]] unsigned contradictions() const noexcept { return contradictions_; }

 private:
  struct Piece {
    std::uint64_t from;
    std::optional<std::int64_t> least, most;
    std::int64_t middle = 0;

    [[nodiscard]] bool fits(const Bound& bound) const noexcept;
    void narrow(const Bound& bound) noexcept;
    [[nodiscard]] bool whole() const noexcept { return least && most; }
    [[nodiscard]] std::uint64_t gap() const noexcept {
      return static_cast<std::uint64_t>(*most) - static_cast<std::uint64_t>(*least);
    }
  };
  void split(const std::vector<Bound>& bounds);
  void refine(const std::vector<Bound>& bounds);
  [[nodiscard]] std::size_t place_of(std::uint64_t when) const noexcept;
  void settle(std::uint64_t span);

  std::vector<Piece> pieces_;  // one, unless the clocks drift apart
  std::uint64_t uncertainty_ = 0;
  unsigned contradictions_ = 0;
};

}  // namespace bellwire::trace
