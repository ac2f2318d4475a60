// SPDX-License-Identifier: BSD-3-Clause
//
// Recorder: switches the recording of queues on, and collects what their sides write, until it is
// stopped. Drain it often: a side's record is overwritten after `trace_entries` more, and then
// counts as lost. Nothing that it collects is trusted: a queue that floods it can't take all the
// room that the other queues' records need.
//
// One thread collects; any thread may call watch() and leave(). leave() waits at most until one
// queue's records have been copied out of the memory. Dropping the recorder switches the recording
// off.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "vdev/os/cpu.hpp"
#include "vdev/ring/trace.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::trace {

class Recorder {
 public:
  /// The most moments of requests that are kept, for all sides together; more records are lost.
  static constexpr std::size_t usual_room = std::size_t{16} << 20;

  /// `who` wants the records: a process on the host or in the guest.
  explicit Recorder(bellwire_recorder who, std::size_t room = usual_room)
      : who_(who), room_(room) {}
  ~Recorder();

  /// Records a queue, which must exist until leave().
  void watch(unsigned index, const ring::Queue& queue);
  /// Switches the recording off and leaves all queues; their memory is not used any more when it
  /// returns. What was written until then is collected.
  void leave();

  /// Collects what was written since the last call.
  void drain();

  /// Completions so far: how often the device recorded `posted`.
  [[nodiscard]] std::uint64_t posted() const noexcept { return posted_; }

  /// Leaves all queues, and returns what was collected.
  [[nodiscard]] Recording stop();

 private:
  struct Watched {
    unsigned index;
    ring::Queue queue;
    std::array<ring::TraceReader, BELLWIRE_SIDES> readers;
    SideRecords last;  // read when it was left
    // The collecting thread's own:
    std::optional<std::size_t> place = {};  // in the recording
    std::size_t used = 0;                   // of the room
  };
  static void read(Watched& watched, SideRecords& into);
  bool drain_one(std::size_t number);
  void keep(Watched& watched, SideRecords& records);
  void keep_left();
  [[nodiscard]] bool take_room(Watched& watched, std::size_t moments) noexcept;
  void add_lost(std::size_t side, std::uint64_t count) noexcept;

  const bellwire_recorder who_;
  std::mutex mutex_;  // what follows, and all use of the queues' memory
  std::vector<std::shared_ptr<Watched>> watched_;
  std::vector<std::shared_ptr<Watched>> left_;
  std::atomic<bool> several_ = false;  // queues, at some time

  // The collecting thread's own.
  std::size_t room_;
  SideRecords fresh_;
  Recording recording_;
  std::uint64_t posted_ = 0;
  os::Ticks ticks_;
  std::uint64_t began_ = __rdtsc();
};

}  // namespace bellwire::trace
