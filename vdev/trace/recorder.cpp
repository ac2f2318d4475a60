// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/recorder.hpp"

#include <x86intrin.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "vdev/ring/trace_writer.hpp"

namespace bellwire::trace {

Recorder::~Recorder() {
  leave();
}

void Recorder::watch(unsigned index, const ring::Queue& queue) {
  watched_.push_back(
      {queue,
       recording_.queues.size(),
       {ring::TraceReader(queue, BELLWIRE_PROCESS), ring::TraceReader(queue, BELLWIRE_MODULE),
        ring::TraceReader(queue, BELLWIRE_DEVICE)}});
  recording_.queues.push_back({index, {}});
  ring::set_recording(queue, who_, true);
}

void Recorder::drain() {
  for (auto& watched : watched_)
    for (const auto side : {BELLWIRE_PROCESS, BELLWIRE_MODULE, BELLWIRE_DEVICE})
      drain(watched, side);
}

void Recorder::drain(Watched& watched, bellwire_side side) {
  auto& records = recording_.queues[watched.place].of[side];
  auto kept = records.size();
  watched.readers[side].drain(records);
  for (; kept < records.size(); ++kept) {
    const std::size_t moments = 1U + records[kept].more;
    if (!take_room(watched, moments)) break;
    if (records[kept].stage == BELLWIRE_POSTED) posted_ += moments;
  }
  add_lost(side, records.size() - kept);
  records.resize(kept);
}

// One of several queues leaves an eighth of the room to the others.
bool Recorder::take_room(Watched& watched, std::size_t moments) noexcept {
  if (moments > room_) return false;
  if (watched_.size() > 1 && watched.used / 7 > room_ - moments) return false;
  room_ -= moments;
  watched.used += moments;
  return true;
}

void Recorder::leave() {
  for (const auto& watched : watched_) ring::set_recording(watched.queue, who_, false);
  drain();
  for (const auto& watched : watched_)
    for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side)
      add_lost(side, watched.readers[side].lost());
  watched_.clear();
}

// A side may say that it wrote any number.
void Recorder::add_lost(std::size_t side, std::uint64_t count) noexcept {
  auto& lost = recording_.lost[side];
  lost += std::min(count, std::numeric_limits<std::uint64_t>::max() - lost);
}

Recording Recorder::stop() {
  leave();
  if (who_ == BELLWIRE_HOST_RECORDS) recording_.window = {began_, __rdtsc()};
  recording_.ticks_per_ns = 1 / ticks_.ns_each();
  return std::move(recording_);
}

}  // namespace bellwire::trace
