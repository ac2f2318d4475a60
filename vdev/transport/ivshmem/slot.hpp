// SPDX-License-Identifier: BSD-3-Clause
//
// Slot: the wires between one guest and one device, and what each end is told about them.
#pragma once

#include <vector>

#include "vdev/os/unique_fd.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

namespace bellwire::ivshmem {

/// One end: its ID, and the eventfds by which it is notified, which are never used here.
struct End {
  Id id;
  std::vector<os::UniqueFd> vectors;
};

struct Slot {
  /// Blank memory becomes formatted memory, with a queue a vector.
  [[nodiscard]] static Result<Slot> create(unsigned index, unsigned vectors, std::uint64_t memory);

  /// What an end is sent, in order (rule 41). The descriptors stay the slot's.
  struct Line {
    std::int64_t value;
    int fd;
  };
  [[nodiscard]] std::vector<Line> greeting(const End& own, const End& other) const;

  os::UniqueFd memory;
  End guest;
  End device;
};

}  // namespace bellwire::ivshmem
