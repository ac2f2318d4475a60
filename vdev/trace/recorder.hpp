// SPDX-License-Identifier: BSD-3-Clause
//
// Recorder: switches the recording of queues on, and collects what their sides write until it is
// stopped. Its user drains it often enough: a side's records are overwritten after `trace_entries`
// more, and then counted as lost. Nothing of what it collects is trusted: a queue that floods it
// can't take all the room that the others' records need.
//
// One thread at a time. Dropping it switches the recording off.
#pragma once

#include "vdev/os/ticks.hpp"
#include "vdev/ring/trace_reader.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::trace {

class Recorder {
 public:
  /// Moments of requests that are kept, of all sides together; records beyond are lost.
  static constexpr std::size_t usual_room = std::size_t{16} << 20;

  /// `who` wants the records: a process of the host's or the guest's.
  explicit Recorder(bellwire_recorder who, std::size_t room = usual_room)
      : who_(who), room_(room) {}
  ~Recorder();

  /// Records a queue, which must not go before the recorder left it.
  void watch(unsigned index, const ring::Queue& queue);
  /// Switches off, and leaves all queues. What was collected stays.
  void leave();

  /// Takes what was written since the last time.
  void drain();

  /// Completions seen so far: how often the device said `posted`.
  [[nodiscard]] std::uint64_t posted() const noexcept { return posted_; }

  /// Leaves all queues, and gives what was collected.
  [[nodiscard]] Recording stop();

 private:
  struct Watched {
    ring::Queue queue;
    std::size_t place;  // in the recording
    std::array<ring::TraceReader, BELLWIRE_SIDES> readers;
    std::size_t used = 0;  // of the room
  };
  void drain(Watched& watched, bellwire_side side);
  void add_lost(std::size_t side, std::uint64_t count) noexcept;
  [[nodiscard]] bool take_room(Watched& watched, std::size_t moments) noexcept;

  bellwire_recorder who_;
  std::size_t room_;
  std::vector<Watched> watched_;
  Recording recording_;
  std::uint64_t posted_ = 0;
  os::Ticks ticks_;
  std::uint64_t began_ = __rdtsc();
};

}  // namespace bellwire::trace
