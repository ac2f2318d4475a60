// SPDX-License-Identifier: BSD-3-Clause
//
// Attachment: the three things that every transport ends in, and all that a device ever sees of
// one.
#pragma once

#include <vector>

#include "vdev/core/interrupt.hpp"
#include "vdev/core/memory_view.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire {

struct Attachment {
  std::vector<os::EventFd> doorbells;  ///< the driver rings these; a Runner drains them
  std::vector<Interrupt> interrupts;   ///< the device raises these
  MemoryView memory;                   ///< both read and write this
};

}  // namespace bellwire
