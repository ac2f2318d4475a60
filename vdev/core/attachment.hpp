// SPDX-License-Identifier: BSD-3-Clause
//
// Attachment: the three things that every transport ends in, and all that a device ever sees of
// one.
#pragma once

#include <optional>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/interrupt.hpp"
#include "vdev/core/memory_view.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire {

struct Attachment {
  std::vector<os::EventFd> doorbells;  ///< the driver rings these; a Runner drains them
  std::vector<Interrupt> interrupts;   ///< the device raises these
  MemoryView memory;                   ///< both read and write this
  /// The memory's format, if it has been read and checked already. Then this copy is what counts:
  /// the guest may have changed the memory since.
  std::optional<bellwire_format> format = {};
};

}  // namespace bellwire
