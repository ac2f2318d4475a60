// SPDX-License-Identifier: BSD-3-Clause
//
// bell break: breaks a queue on purpose, sees that the device refuses it and serves another queue
// meanwhile, and resets it. A lesson, and a test.
#include <thread>

#include "guest-kmod/bell/break.hpp"
#include "guest-kmod/bell/steps.hpp"
#include "guest-kmod/bell/story.hpp"
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
    {"says that it submitted 2^31 requests",
     [](bellwire_queue_control& control) {
       bellwire::ring::store(control.submit.submitted, 1U << 31, order);
     },
     BELLWIRE_QUEUE_BAD_SUBMITTED},
    {"says that it consumed what was never completed",
     [](bellwire_queue_control& control) {
       bellwire::ring::store(control.consume.consumed, 1U << 30, order);
       bellwire::ring::store(control.submit.submitted, 1, order);
     },
     BELLWIRE_QUEUE_BAD_CONSUMED},
    {"takes back requests",
     [](bellwire_queue_control& control) {
       bellwire::ring::store(control.submit.submitted, ~0U, order);
     },
     BELLWIRE_QUEUE_BAD_SUBMITTED},
};

bool breaks(Session& session, const Sabotage& sabotage) {
  sabotage.commit(session.control());
  session.kick();
  for (int waits = 0; waits < 5 && session.queue().status() == BELLWIRE_QUEUE_OK; ++waits)
    session.wait();
  return session.queue().status() == sabotage.verdict;
}

bool serves(Session& session) {
  for (std::uint64_t ring = 0; ring < 100; ++ring)
    if (const auto done = ring_once(session, ring); !done || done->cookie != ring) return false;
  return true;
}

}  // namespace

Result<bool> run_break() {
  const SessionOptions options{};
  auto victim = Session::create(options);
  if (!victim) return victim.error();
  auto neighbour = Session::create(options);
  if (!neighbour) return neighbour.error();
  Story story(3 * std::size(sabotages));
  for (const auto& sabotage : sabotages) {
    story.tell(breaks(*victim, sabotage),
               text("a driver {}: the device calls its queue broken", sabotage.what));
    story.tell(serves(*neighbour), "another queue of the same device is served meanwhile");
    const auto reset = victim->reset();
    story.tell(reset && serves(*victim), "after a reset the broken queue is served again");
  }
  for (const auto* const session : {&*victim, &*neighbour})
    if (session->gone() || session->memory_lost()) return session->gone_fault();
  return story.good();
}

}  // namespace bell
