// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/passage.hpp"

#include <algorithm>
#include <utility>

#include "vdev/ring/trace.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::trace {
namespace {

bool is_recovery(const bellwire_record& record) {
  return record.stage == BELLWIRE_RECOVERED_DOORBELL ||
         record.stage == BELLWIRE_RECOVERED_INTERRUPT;
}

std::uint32_t first_index(const SideRecords& records) {
  for (const auto& side : records)
    if (!side.empty()) return side.front().index;
  return 0;
}

}  // namespace

Passage::Passage(const SideRecords& records) : base_(first_index(records)) {
  for (std::size_t side = 0; side < records.size(); ++side)
    for (const auto& record : records[side]) {
      if (side == BELLWIRE_MODULE && is_recovery(record)) {
        const auto what = static_cast<bellwire_recovery>(record.stage);
        recoveries_.push_back({what, record.ticks, record.index});
        continue;
      }
      if (record.stage >= BELLWIRE_STAGES || stages[record.stage].side != side) {
        ++impossible_;
        continue;
      }
      has_[side] = true;
      sort(record);
    }
  for (auto& [key, request] : requests_) {
    find_way_there(key, request);
    find_way_back(key, request);
  }
}

void Passage::sort(const bellwire_record& record) {
  const auto stage = static_cast<bellwire_stage>(record.stage);
  if (ring::stage_of_request(stage)) {
    for (std::uint32_t more = 0; more <= record.more; ++more)
      note_own(stage, {record.ticks, key_of(record.index + more)});
    return;
  }
  if (stage == BELLWIRE_RAISED) note_raised(record.ticks);
  const Seen seen{record.ticks, key_of(record.index)};
  all_[stage].push_back(seen);
  auto& firsts = firsts_[stage];
  if (firsts.empty() || seen.below > firsts.back().below) firsts.push_back(seen);
}

// If a side saw a request for the first time when it woke, it woke for that request.
void Passage::note_own(bellwire_stage stage, const Seen& record) {
  auto& request = requests_[record.below];
  auto& place = request.at[stage];
  if (place) return;
  place = record.ticks;
  const auto last = [&](bellwire_stage wake, std::int32_t& below) {
    if (all_[wake].empty() || all_[wake].back().below <= record.below) return;
    request.at[wake] = all_[wake].back().ticks;
    below = all_[wake].back().below;
  };
  if (stage == BELLWIRE_TAKEN) last(BELLWIRE_WOKEN, request.woken_below);
  if (stage == BELLWIRE_POSTED) note_posted(record);
  if (stage == BELLWIRE_CONSUMED) last(BELLWIRE_AWAKE, request.awake_below);
}

void Passage::note_posted(const Seen& record) {
  if (std::exchange(last_posted_, record.ticks) != record.ticks) posted_.clear();
  posted_.push_back(record.below);
}

void Passage::note_raised(std::uint64_t ticks) {
  for (const auto key : posted_) requests_[key].raised = ticks;
  posted_.clear();
}

std::optional<Passage::Seen> Passage::first_above(bellwire_stage stage, std::int32_t key) const {
  const auto& firsts = firsts_[stage];
  const auto found = std::ranges::upper_bound(firsts, key, {}, &Seen::below);
  return found == firsts.end() ? std::nullopt : std::optional(*found);
}

// A doorbell that covers more requests than the device saw when it woke came later.
void Passage::find_way_there(std::int32_t key, Request& request) const {
  auto& at = request.at;
  const auto rung = first_above(BELLWIRE_RUNG, key);
  if (!at[BELLWIRE_WOKEN] || !rung || rung->below > request.woken_below) return;
  if (at[BELLWIRE_SUBMITTED] && rung->ticks < *at[BELLWIRE_SUBMITTED]) return;
  at[BELLWIRE_RUNG] = rung->ticks;
  const auto kicked = first_above(BELLWIRE_KICKED, key);
  if (!kicked || kicked->ticks > rung->ticks) return;
  if (at[BELLWIRE_SUBMITTED] && kicked->ticks < *at[BELLWIRE_SUBMITTED]) return;
  at[BELLWIRE_KICKED] = kicked->ticks;
}

// The same for the stages before the process wakes: each covers no more than the next one.
void Passage::find_way_back(std::int32_t key, Request& request) const {
  auto& at = request.at;
  if (!has(BELLWIRE_PROCESS)) at[BELLWIRE_RAISED] = request.raised;
  if (!at[BELLWIRE_AWAKE]) return;
  Seen next{*at[BELLWIRE_AWAKE], request.awake_below};
  for (const auto stage : {BELLWIRE_SIGNALLED, BELLWIRE_INTERRUPTED}) {
    const auto found = first_above(stage, key);
    if (!found || found->below > next.below || found->ticks > next.ticks) continue;
    at[stage] = found->ticks;
    next = *found;
  }
  if (has(BELLWIRE_MODULE) && !at[BELLWIRE_INTERRUPTED]) return;
  const auto raised = first_above(BELLWIRE_RAISED, key);
  if (!raised || raised->below > next.below) return;
  if (at[BELLWIRE_POSTED] && raised->ticks >= *at[BELLWIRE_POSTED])
    at[BELLWIRE_RAISED] = raised->ticks;
}

std::vector<Signal> Passage::signals(bellwire_stage stage) const {
  std::map<std::uint64_t, std::uint32_t> counts;
  for (const auto& seen : all_[stage]) counts.emplace(seen.ticks, 0);
  for (const auto& [key, request] : requests_)
    if (const auto at = request.at[stage]) ++counts[*at];
  std::vector<Signal> list;
  list.reserve(counts.size());
  for (const auto& [ticks, requests] : counts) list.push_back({ticks, requests});
  return list;
}

}  // namespace bellwire::trace
