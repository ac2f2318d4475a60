// SPDX-License-Identifier: BSD-3-Clause
//
// Departure: what whoever owns the wires writes into the shared memory for a side that died, and
// could not say so itself. Only once it is sure that the side is gone: from then on it has no other
// writer, until the next one comes.
//
// Rules: guest-kmod/uapi/bellwire.h, "Device alive". The memory is not trusted.
#pragma once

#include "vdev/core/memory_view.hpp"

namespace bellwire::ring {

/// Says that the device died, if it had not left in good order. Nothing if the memory's format is
/// broken.
void device_died(const MemoryView& memory) noexcept;

/// Ends the generations of all queues, as the guest's module does when it leaves.
void guest_died(const MemoryView& memory) noexcept;

}  // namespace bellwire::ring
