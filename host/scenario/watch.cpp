// SPDX-License-Identifier: BSD-3-Clause
#include "host/scenario/watch.hpp"

#include "vdev/ring/words.hpp"

namespace bellwire::host {
namespace {

constexpr std::uint32_t entries = 64;
constexpr std::uint64_t payload = 4096;
constexpr std::uint32_t generation = 1;

ring::Layout make_layout() {
  const auto size = ring::memory_size(1, entries, payload).value();
  return ring::Layout::open(ring::create_memory("ledger", size, 1, entries).value().view).value();
}

using Clock = ring::Watchdog::Clock;

// Looks until the watchdog wants something repaired, or has seen enough.
std::optional<ring::Watchdog::Repair> patient_looks(ring::Watchdog& watchdog,
                                                    Clock::time_point& now) {
  const auto end = now + 2 * ring::Watchdog::patience;
  for (; now < end; now += ring::LookInterval::longest)
    if (const auto found = watchdog.look(now); found.repair != ring::Watchdog::Repair::none)
      return found.repair;
  return std::nullopt;
}

}  // namespace

Ledger::Ledger() : layout_(make_layout()), queue_(layout_.queue(0)) {
  ring::store(queue_.control->driver.generation, generation, ring::release);
  ring::store(queue_.control->status.generation, generation, ring::release);
}

void Ledger::write(const Progress& progress) noexcept {
  auto& control = *queue_.control;
  const auto reached = [&control](bellwire_side side, bellwire_stage stage, std::uint32_t count) {
    ring::store(control.sides[side].last[stage], count, ring::relaxed);
  };
  reached(BELLWIRE_PROCESS, BELLWIRE_SUBMITTED, progress.submitted);
  reached(BELLWIRE_MODULE, BELLWIRE_KICKED, progress.rung);
  reached(BELLWIRE_MODULE, BELLWIRE_RUNG, progress.rung);
  reached(BELLWIRE_DEVICE, BELLWIRE_WOKEN, progress.taken);
  reached(BELLWIRE_DEVICE, BELLWIRE_TAKEN, progress.taken);
  reached(BELLWIRE_DEVICE, BELLWIRE_POSTED, progress.posted);
  reached(BELLWIRE_DEVICE, BELLWIRE_RAISED, progress.raised);
  reached(BELLWIRE_MODULE, BELLWIRE_INTERRUPTED, progress.interrupted);
  reached(BELLWIRE_MODULE, BELLWIRE_SIGNALLED, progress.interrupted);
  reached(BELLWIRE_PROCESS, BELLWIRE_AWAKE, progress.interrupted);
  reached(BELLWIRE_PROCESS, BELLWIRE_CONSUMED, progress.consumed);
  ring::store(control.doorbell.doorbell_event, progress.taken, ring::relaxed);
  ring::store(control.consume.interrupt_event, progress.consumed, ring::relaxed);
  ring::store(control.consume.consumed, progress.consumed, ring::relaxed);
  ring::store(control.complete.completed, progress.posted, ring::relaxed);
  ring::store(control.submit.submitted, progress.submitted, ring::release);
}

std::optional<Finding> watch(const Watched& watched) {
  Ledger ledger;
  ledger.write(watched.progress());
  const InterruptLine line;
  ring::Watchdog watchdog(ledger.queue(), line.interrupt());
  Clock::time_point now{};
  const auto repair = patient_looks(watchdog, now);
  const auto hang = ring::find_hang(ledger.queue());
  if (!repair || !hang) return std::nullopt;
  Finding finding{.last = hang->last,
                  .sentence = ring::describe(*hang, ring::Watchdog::patience),
                  .repaired = false};
  watched.tell(finding.sentence);
  (*repair == ring::Watchdog::Repair::serve ? watched.ring_again : watched.raise_again)();
  ledger.write(watched.progress());
  finding.repaired = watchdog.look(now).report.has_value();
  watched.tell(finding.repaired ? "has rung again, and the request went on"
                                : "has rung again, and nothing changed");
  return finding;
}

}  // namespace bellwire::host
