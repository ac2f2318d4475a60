// SPDX-License-Identifier: BSD-3-Clause
//
// The records that each side keeps of its own steps, in the shared memory: a TraceWriter per side
// writes them, any number of TraceReaders take them out.
#pragma once

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

// TraceWriter: writes one side's records. While recording is off, the usual case, a note costs a
// store to a private cache line and a load of a word that nobody writes. While it is on, the writer
// never waits: it overwrites the oldest record.
//
// Rules: guest-kmod/uapi/bellwire.h, "Recording" and "Hanging". One thread at a time, and one
// writer per side.

/// Switches a queue's recording on or off for `who`; another recorder may still keep it on.
inline void set_recording(const Queue& queue, bellwire_recorder who, bool on) noexcept {
  std::atomic_ref<__u32> word(queue.control->recording.recording);
  if (on)
    word.fetch_or(who);
  else
    word.fetch_and(~static_cast<__u32>(who));
}

/// Whether a stage belongs to one request; otherwise it covers all requests before an index.
constexpr bool stage_of_request(bellwire_stage stage) noexcept {
  return stage == BELLWIRE_SUBMITTED || stage == BELLWIRE_TAKEN || stage == BELLWIRE_POSTED ||
         stage == BELLWIRE_CONSUMED;
}

class TraceWriter {
 public:
  /// Continues after what the side wrote earlier.
  TraceWriter(const Queue& queue, bellwire_side side) noexcept
      : recording_(&queue.control->recording.recording),
        line_(&queue.control->sides[side]),
        records_(queue.records_of(side)),
        count_(load(line_->written, relaxed)) {}

  /// A generation begins.
  void begin() noexcept {
    for (auto& last : line_->last) store(last, 0, relaxed);
  }

  /// What an earlier incarnation had taken is taken again.
  void take_again_from(std::uint32_t index) noexcept {
    store(line_->last[BELLWIRE_TAKEN], index, relaxed);
  }

  /// `index`: a value, or a word of the shared memory, which is loaded first.
  void note(bellwire_stage stage, std::uint32_t generation, const std::uint32_t& index) noexcept {
    const auto seen = load(index, acquire);
    store(line_->last[stage], seen + (stage_of_request(stage) ? 1 : 0), relaxed);
    if (!on()) return;
    write(timestamp_after_loads(), static_cast<__u8>(stage), 0, generation, seen);
    store(line_->written, count_, release);
  }

  /// For a stage that belongs to one request: the same moment for each index in [first, end).
  void note_all(bellwire_stage stage, std::uint32_t generation, std::uint32_t first,
                std::uint32_t end) noexcept {
    store(line_->last[stage], end, relaxed);
    if (on()) write_all(timestamp_after_loads(), stage, generation, first, end);
  }

  /// The same for a known moment.
  void note_at(std::uint64_t now, bellwire_stage stage, std::uint32_t generation,
               std::uint32_t first, std::uint32_t end) noexcept {
    store(line_->last[stage], end, relaxed);
    if (on()) write_all(now, stage, generation, first, end);
  }

  /// Records, at a known moment, that the driver did not wait for a signal any longer. It is not a
  /// stage of a request.
  void note_recovery(std::uint64_t ticks, bellwire_recovery what, std::uint32_t generation,
                     std::uint32_t index) noexcept {
    if (!on()) return;
    write(ticks, static_cast<__u8>(what), 0, generation, index);
    store(line_->written, count_, release);
  }

 private:
  static constexpr std::uint32_t most_more = std::numeric_limits<__u8>::max();

  [[nodiscard]] bool on() const noexcept {
    return load(*recording_, relaxed) != 0 && !records_.empty();
  }

  void write_all(std::uint64_t now, bellwire_stage stage, std::uint32_t generation,
                 std::uint32_t first, std::uint32_t end) noexcept {
    while (first != end) {
      const auto more = static_cast<std::uint8_t>(std::min(end - first - 1, most_more));
      write(now, static_cast<__u8>(stage), more, generation, first);
      first += more + 1U;
    }
    store(line_->written, count_, release);
  }

  // Release: whoever sees a word of the new record sees that the one before it was written.
  void write(std::uint64_t now, __u8 stage, std::uint8_t more, std::uint32_t generation,
             std::uint32_t index) noexcept {
    auto& place = records_[count_ & (records_.size() - 1)];
    const bellwire_record record{.ticks = now,
                                 .stage = stage,
                                 .more = more,
                                 .generation = static_cast<__u16>(generation),
                                 .index = index};
    const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(record);
    auto* const at = reinterpret_cast<std::uint64_t*>(&place);
    store(at[0], words[0], release);
    store(at[1], words[1], release);
    ++count_;
  }

  const __u32* recording_;
  bellwire_side_line* line_;
  std::span<bellwire_record> records_;
  std::uint64_t count_;
};

/// TraceReader: reads one side's records from the shared memory while that side writes more, and
/// counts the records that were overwritten before it read them. The side is not trusted: whatever
/// it writes, a drain terminates and stays within the memory. Records are returned as they are,
/// unchecked.
///
/// Rules: guest-kmod/uapi/bellwire.h, "Recording". One thread at a time; any number of readers.
class TraceReader {
 public:
  /// Reads what is written from now on.
  TraceReader(const Queue& queue, bellwire_side side);

  /// Appends what was written since the last drain.
  void drain(std::vector<bellwire_record>& into);

  /// Records that were overwritten before they were read.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  void skip(std::uint64_t count) noexcept;

  const __u64* written_;
  std::span<const bellwire_record> records_;
  std::uint64_t read_;
  std::uint64_t lost_ = 0;
};

}  // namespace bellwire::ring
