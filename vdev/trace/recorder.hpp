// SPDX-License-Identifier: BSD-3-Clause
//
// Recorder: switches the recording of queues on, and collects what their sides write until it is
// stopped. Its user drains it often enough: a side's records are overwritten after `trace_entries`
// more, and then counted as lost. Nothing of what it collects is trusted: a queue that floods it
// can't take all the room that the others' records need.
//
// One thread collects; watch() and leave() are for any. Whoever leaves waits for no more than a
// queue's records being copied out of the memory: what is done with them is done elsewhere.
// Dropping it switches the recording off.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

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
  /// Switches off, and leaves all queues: their memory is used no more when it returns. What was
  /// written until then is collected.
  void leave();

  /// Takes what was written since the last time.
  void drain();

  /// Completions seen so far: how often the device said `posted`.
  [[nodiscard]] std::uint64_t posted() const noexcept { return posted_; }

  /// Leaves all queues, and gives what was collected.
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
