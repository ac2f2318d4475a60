// SPDX-License-Identifier: BSD-3-Clause
//
// Passage: the requests of one queue in one generation, with everything that was recorded about
// each. The doorbell and the interrupt of each request are found from the indices that each side
// saw of the other; clocks of different sides are never compared. If a side was awake anyway, a
// request lacks that stage. Where the device alone records, a request's interrupt is the one that
// followed its publication. One thread.
#pragma once

#include <map>
#include <optional>

#include "vdev/trace/records.hpp"

namespace bellwire::trace {

/// Times of a request's stages, in ticks of the side that each stage belongs to.
using Stamps = std::array<std::optional<std::uint64_t>, BELLWIRE_STAGES>;

/// One doorbell or interrupt, and how many requests it was for.
struct Signal {
  std::uint64_t ticks;
  std::uint32_t requests;
};

/// A signal that a look of the module replaced, and the request that it was for.
struct Recovery {
  bellwire_recovery what;
  std::uint64_t ticks;  ///< of the module
  std::uint32_t index;
};

class Passage {
 public:
  /// `records`: of one generation; they are not trusted.
  explicit Passage(const SideRecords& records);

  struct Request {
    Stamps at;
    std::int32_t woken_below = 0;              // what the device saw when it woke for it,
    std::int32_t awake_below = 0;              // and the process
    std::optional<std::uint64_t> raised = {};  // for what was published with it
  };
  /// By the distance of their index from the first one seen.
  [[nodiscard]] std::map<std::int32_t, Request>& requests() noexcept { return requests_; }
  [[nodiscard]] std::uint32_t index_of(std::int32_t key) const noexcept {
    return base_ + static_cast<std::uint32_t>(key);
  }

  /// Whether that side recorded anything.
  [[nodiscard]] bool has(bellwire_side side) const noexcept { return has_[side]; }

  [[nodiscard]] const std::vector<Recovery>& recoveries() const noexcept { return recoveries_; }

  /// Records that no correct side writes: of a stage that does not exist or belongs to another
  /// side.
  [[nodiscard]] std::uint64_t impossible() const noexcept { return impossible_; }

  /// All doorbells or interrupts, by a stage that covers several requests.
  [[nodiscard]] std::vector<Signal> signals(bellwire_stage stage) const;

 private:
  struct Seen {
    std::uint64_t ticks;
    std::int32_t below;  // the index that it saw
  };

  void sort(const bellwire_record& record);
  void note_own(bellwire_stage stage, const Seen& record);
  void note_posted(const Seen& record);
  void note_raised(std::uint64_t ticks);
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
  std::vector<Recovery> recoveries_;
  std::uint64_t last_posted_ = 0;
  std::vector<std::int32_t> posted_;  // then, in one publication
  std::array<std::vector<Seen>, BELLWIRE_STAGES> all_;
  std::array<std::vector<Seen>, BELLWIRE_STAGES> firsts_;  // that saw more than all before
};

}  // namespace bellwire::trace
