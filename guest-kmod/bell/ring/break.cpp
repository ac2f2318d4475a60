// SPDX-License-Identifier: BSD-3-Clause
//
// bell break: breaks a queue on purpose, checks that the device refuses it and serves another queue
// meanwhile, and resets it. A lesson, and a test.
#include "guest-kmod/bell/commands.hpp"

#include <thread>

#include "guest-kmod/bell/report/ktap_checks.hpp"
#include "guest-kmod/bell/ring/steps.hpp"
#include "vdev/ring/words.hpp"

namespace bell {

using bellwire::text;
namespace {

struct Sabotage {
  const char* what;
  void (*commit)(bellwire_queue_control& control);
  bellwire_queue_status verdict;
};

constexpr auto order = bellwire::ring::in_order;

constexpr Sabotage sabotages[] = {
    {"claims to have submitted 2^31 requests",
     [](bellwire_queue_control& control) {
       bellwire::ring::store(control.submit.submitted, 1U << 31, order);
     },
     BELLWIRE_QUEUE_BAD_SUBMITTED},
    {"claims to have consumed completions that were never published",
     [](bellwire_queue_control& control) {
       bellwire::ring::store(control.consume.consumed, 1U << 30, order);
       bellwire::ring::store(control.submit.submitted, 1, order);
     },
     BELLWIRE_QUEUE_BAD_CONSUMED},
    {"takes requests back",
     [](bellwire_queue_control& control) {
       bellwire::ring::store(control.submit.submitted, ~0U, order);
     },
     BELLWIRE_QUEUE_BAD_SUBMITTED},
};

bool breaks(ClaimedQueue& claimed, const Sabotage& sabotage) {
  sabotage.commit(claimed.control());
  claimed.kick();
  for (int waits = 0; waits < 5 && claimed.queue().status() == BELLWIRE_QUEUE_OK; ++waits)
    claimed.wait();
  return claimed.queue().status() == sabotage.verdict;
}

bool serves(ClaimedQueue& claimed) {
  for (std::uint64_t ring = 0; ring < 100; ++ring)
    if (const auto done = ring_once(claimed, ring); !done || done->cookie != ring) return false;
  return true;
}

}  // namespace

Result<bool> run_break() {
  const ClaimOptions options{};
  auto victim = ClaimedQueue::create(options);
  if (!victim) return victim.error();
  auto neighbour = ClaimedQueue::create(options);
  if (!neighbour) return neighbour.error();
  KtapChecks checks(3 * std::size(sabotages));
  for (const auto& sabotage : sabotages) {
    checks.check(breaks(*victim, sabotage),
                 text("a driver {}: the device reports its queue as broken", sabotage.what));
    checks.check(serves(*neighbour), "another queue of the same device is served meanwhile");
    const auto reset = victim->reset();
    checks.check(reset && serves(*victim), "after a reset the broken queue is served again");
  }
  for (const auto* const claimed : {&*victim, &*neighbour})
    if (claimed->gone() || claimed->memory_lost()) return claimed->gone_fault();
  return checks.good();
}

}  // namespace bell
