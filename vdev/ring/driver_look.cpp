// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/driver_look.hpp"

#include <utility>

#include "vdev/ring/hang.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

// One that comes before the generation is served was raised for an earlier one.
void DriverLook::interrupted(LookTime::Duration slept) noexcept {
  interrupted_ = interrupted_ || served();
  if (!std::exchange(replaced_, false)) time_.measured(slept);
}

DriverLook::Missing DriverLook::look(ModuleQueue* records) noexcept {
  const auto seen = see();
  const auto completed = load(queue_.control->complete.completed, acquire);
  const bool again = std::exchange(seen_, seen) == seen;
  time_.looked(std::exchange(completed_, completed) != completed || !again);
  settle(seen, records);
  if (!again) return Missing::nothing;
  replaced_ = seen.missing != Missing::nothing;
  if (seen.missing == Missing::doorbell) ring_again(seen);
  if (seen.missing == Missing::interrupt) {
    ++interrupts_;
    interrupted_ = true;
    if (records != nullptr)
      records->note_recovery(timestamp_after_loads(), BELLWIRE_RECOVERED_INTERRUPT, seen.request);
  }
  return seen.missing;
}

// A generation begins with a ring and an interrupt.
DriverLook::Seen DriverLook::see() const noexcept {
  if (!served()) return {.missing = Missing::doorbell};
  if (!interrupted_) return {.missing = Missing::interrupt, .served = true};
  const auto hang = find_hang(queue_);
  if (hang && hang->last == BELLWIRE_RUNG)
    return {.missing = Missing::doorbell, .served = true, .request = hang->request};
  if (hang && hang->last == BELLWIRE_RAISED)
    return {.missing = Missing::interrupt, .served = true, .request = hang->request};
  return {.served = true};
}

bool DriverLook::served() const noexcept {
  return load(queue_.control->status.generation, acquire) == generation_;
}

// Doorbells of this generation that the device has not counted.
std::int64_t DriverLook::uncounted() const noexcept {
  const auto counted = served() ? load(queue_.control->status.doorbells, acquire) : 0;
  return static_cast<std::int64_t>(rung_ - counted);
}

void DriverLook::ring_again(const Seen& seen) noexcept {
  if (again_.seen.missing != Missing::nothing) return;
  again_ = {.seen = seen,
            .uncounted = uncounted(),
            .incarnation = load(layout_.device_line().incarnation, acquire),
            .ticks = timestamp_after_loads()};
}

// The device took what it was rung for a second time. If it has counted both rings, the first was
// only late. Of one that was restarted meanwhile nothing is known.
void DriverLook::settle(const Seen& seen, ModuleQueue* records) noexcept {
  if (again_.seen.missing == Missing::nothing || again_.seen == seen) return;
  const auto again = std::exchange(again_, {});
  const bool same = load(layout_.device_line().incarnation, acquire) == again.incarnation;
  if (!same || uncounted() < again.uncounted) return;
  ++doorbells_;
  if (records != nullptr)
    records->note_recovery(again.ticks, BELLWIRE_RECOVERED_DOORBELL, again.seen.request);
}

}  // namespace bellwire::ring
