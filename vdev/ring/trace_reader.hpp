// SPDX-License-Identifier: BSD-3-Clause
//
// TraceReader: takes one side's records out of the shared memory, while that side writes more. What
// it comes too late for, it counts. The side is not trusted: whatever it writes, a drain ends, and
// stays in the memory. Records are given as they were found; their numbers may be any.
//
// Rules: guest-kmod/uapi/bellwire.h, "Recording". One thread at a time; any number of readers.
#pragma once

#include <vector>

#include "vdev/ring/layout.hpp"

namespace bellwire::ring {

class TraceReader {
 public:
  /// Of what is written from now on.
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
