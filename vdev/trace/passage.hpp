// SPDX-License-Identifier: BSD-3-Clause
//
// Passage: the requests of one queue in one generation, with all that was recorded of each. Which
// doorbell a request was rung by, and which interrupt told of it, is found from what each side saw
// of the other's indices; no clock is compared with another's. Where a side was awake anyway, a
// request has no such stage.
#pragma once

#include <map>
#include <optional>

#include "vdev/trace/records.hpp"

namespace bellwire::trace {

/// Ticks of the side that a stage belongs to.
using Stamps = std::array<std::optional<std::uint64_t>, BELLWIRE_STAGES>;

/// One doorbell, or one interrupt, and how many requests it stood for.
struct Signal {
  std::uint64_t ticks;
  std::uint32_t requests;
};

class Passage {
 public:
  /// Of one generation. The records may be nonsense.
  explicit Passage(const SideRecords& records);

  struct Request {
    Stamps at;
    std::int32_t woken_below = 0;  // what the device saw when it woke for it,
    std::int32_t awake_below = 0;  // and the process
  };
  /// By their distance from the first index that was met.
  [[nodiscard]] std::map<std::int32_t, Request>& requests() noexcept { return requests_; }
  [[nodiscard]] std::uint32_t index_of(std::int32_t key) const noexcept {
    return base_ + static_cast<std::uint32_t>(key);
  }

  /// Whether that side recorded anything.
  [[nodiscard]] bool has(bellwire_side side) const noexcept { return has_[side]; }

  /// Records that no side writes: of a stage that there isn't, or that is another side's.
  [[nodiscard]] std::uint64_t impossible() const noexcept { return impossible_; }

  /// All of a stage that stands for many requests.
  [[nodiscard]] std::vector<Signal> signals(bellwire_stage stage) const;

 private:
  struct Seen {
    std::uint64_t ticks;
    std::int32_t below;  // the index that it saw
  };

  void sort(const bellwire_record& record);
  void note_own(bellwire_stage stage, const Seen& record);
  void find_way_there(std::int32_t key, Request& request) const;
  void find_way_back(std::int32_t key, Request& request) const;
  [[nodiscard]] std::int32_t key_of(std::uint32_t index) const noexcept {
    return static_cast<std::int32_t>(index - base_);
  }
  [[nodiscard]] std::optional<Seen> first_above(bellwire_stage stage, std::int32_t key) const;

  std::uint32_t base_ = 0;
  std::array<bool, BELLWIRE_SIDES> has_{};
  std::uint64_t impossible_ = 0;
  std::map<std::int32_t, Request> requests_;
  std::array<std::vector<Seen>, BELLWIRE_STAGES> all_;
  std::array<std::vector<Seen>, BELLWIRE_STAGES> firsts_;  // that saw more than all before
};

}  // namespace bellwire::trace
