// SPDX-License-Identifier: BSD-3-Clause
//
// Slow motion: a queue serves one request at a time, and does each hop only when the gate opens.
// The hop that is held is tried again in the next turn. Nobody waits here: the device's thread goes
// on.
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

Turn DeviceQueue::step(RequestHandler& handler) noexcept {
  for (unsigned hops = 0; hops < budget; ++hops) {
    if (next_hop_ == BELLWIRE_TAKEN) {
      const Look seen = look(completed_);
      if (seen == Look::no_longer || (seen == Look::nothing && may_sleep(completed_)))
        return Turn::done;
      if (seen == Look::nothing) continue;
    }
    if (!hop(handler)) return Turn::done;
  }
  return Turn::more;
}

// False: it is held.
bool DeviceQueue::hop(RequestHandler& handler) noexcept {
  if (next_hop_ == BELLWIRE_TAKEN) return step_take(handler);
  return next_hop_ == BELLWIRE_POSTED ? step_show() : step_raise();
}

bool DeviceQueue::step_take(RequestHandler& handler) noexcept {
  if (!gate_->opens(number_, BELLWIRE_TAKEN, "serve_one")) return false;
  trace_.note_at(timestamp(), BELLWIRE_TAKEN, generation_, completed_, completed_ + 1);
  serve_one(handler);
  next_hop_ = BELLWIRE_POSTED;
  return true;
}

bool DeviceQueue::step_show() noexcept {
  if (!gate_->opens(number_, BELLWIRE_POSTED, "show")) return false;
  next_hop_ = show(completed_ - 1, completed_) ? BELLWIRE_RAISED : BELLWIRE_TAKEN;
  return true;
}

bool DeviceQueue::step_raise() noexcept {
  if (!gate_->opens(number_, BELLWIRE_RAISED, "raise")) return false;
  raise();
  next_hop_ = BELLWIRE_TAKEN;
  return true;
}

}  // namespace bellwire::ring
