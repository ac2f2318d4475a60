// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/recorder.hpp"

#include <x86intrin.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "vdev/ring/trace.hpp"

namespace bellwire::trace {

namespace {
// How much of the room for moments a queue takes that has any: a guest may claim and leave as often
// as it likes.
constexpr std::size_t moments_per_queue = 16;
}  // namespace

Recorder::~Recorder() {
  leave();
}

void Recorder::watch(unsigned index, const ring::Queue& queue) {
  const std::lock_guard lock(mutex_);
  watched_.push_back(std::make_shared<Watched>(Watched{
      index,
      queue,
      {ring::TraceReader(queue, BELLWIRE_PROCESS), ring::TraceReader(queue, BELLWIRE_MODULE),
       ring::TraceReader(queue, BELLWIRE_DEVICE)},
      {}}));
  if (watched_.size() > 1) several_ = true;
  ring::set_recording(queue, who_, true);
}

void Recorder::leave() {
  const std::lock_guard lock(mutex_);
  for (const auto& watched : watched_) ring::set_recording(watched->queue, who_, false);
  for (auto& watched : std::exchange(watched_, {})) {
    read(*watched, watched->last);
    left_.push_back(std::move(watched));
  }
}

void Recorder::read(Watched& watched, SideRecords& into) {
  for (const auto side : {BELLWIRE_PROCESS, BELLWIRE_MODULE, BELLWIRE_DEVICE})
    watched.readers[side].drain(into[side]);
}

void Recorder::drain() {
  for (std::size_t number = 0; drain_one(number);) ++number;
  keep_left();
}

bool Recorder::drain_one(std::size_t number) {
  std::shared_ptr<Watched> watched;
  {
    const std::lock_guard lock(mutex_);
    if (number >= watched_.size()) return false;
    watched = watched_[number];
    read(*watched, fresh_);
  }
  keep(*watched, fresh_);
  return true;
}

void Recorder::keep_left() {
  std::vector<std::shared_ptr<Watched>> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(left_);
  }
  for (const auto& watched : left) {
    keep(*watched, watched->last);
    for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side)
      add_lost(side, watched->readers[side].lost());
  }
}

// Keeps as many records as there is room for, and clears them.
void Recorder::keep(Watched& watched, SideRecords& records) {
  for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side) {
    auto& fresh = records[side];
    std::size_t kept = 0;
    for (; kept < fresh.size() && take_room(watched, 1U + fresh[kept].more); ++kept) {
      if (!watched.place) {
        watched.place = recording_.queues.size();
        recording_.queues.push_back({watched.index, {}});
      }
      recording_.queues[*watched.place].of[side].push_back(fresh[kept]);
      if (fresh[kept].stage == BELLWIRE_POSTED) posted_ += 1U + fresh[kept].more;
    }
    add_lost(side, fresh.size() - kept);
    fresh.clear();
  }
}

// If there are several queues, each leaves an eighth of the room to the others.
bool Recorder::take_room(Watched& watched, std::size_t moments) noexcept {
  if (!watched.place) moments += moments_per_queue;
  if (moments > room_) return false;
  if (several_ && watched.used / 7 > room_ - moments) return false;
  room_ -= moments;
  watched.used += moments;
  return true;
}

// A side may claim that it wrote any number.
void Recorder::add_lost(std::size_t side, std::uint64_t count) noexcept {
  auto& lost = recording_.lost[side];
  lost += std::min(count, std::numeric_limits<std::uint64_t>::max() - lost);
}

Recording Recorder::stop() {
  leave();
  keep_left();
  if (who_ == BELLWIRE_HOST_RECORDS) recording_.window = {began_, __rdtsc()};
  recording_.ticks_per_ns = 1 / ticks_.ns_each();
  return std::move(recording_);
}

}  // namespace bellwire::trace
