// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/recorder.hpp"

#include <algorithm>
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
  const auto before = records.size();
  watched.readers[side].drain(records);
  const auto kept = std::min(records.size() - before, room_);
  recording_.lost[side] += records.size() - before - kept;
  records.resize(before + kept);
  room_ -= kept;
  posted_ += static_cast<std::uint64_t>(
      std::count_if(records.begin() + static_cast<std::ptrdiff_t>(before), records.end(),
                    [](const auto& record) { return record.stage == BELLWIRE_POSTED; }));
}

void Recorder::leave() {
  for (const auto& watched : watched_) ring::set_recording(watched.queue, who_, false);
  drain();
  for (const auto& watched : watched_)
    for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side)
      recording_.lost[side] += watched.readers[side].lost();
  watched_.clear();
}

Recording Recorder::stop() {
  leave();
  recording_.ticks_per_ns = 1 / ticks_.ns_each();
  return std::move(recording_);
}

}  // namespace bellwire::trace
