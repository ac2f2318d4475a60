// SPDX-License-Identifier: BSD-3-Clause
//
// Requests are recorded on each transport's own wires: each one's hops are reported completely and
// in order, and what is lost of it is counted.
#include "vdev/devices/delay.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/each_transport.hpp"
#include "vdev/trace/timeline.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

constexpr unsigned requests = 4'000;
constexpr unsigned few = 10;    // of them, by chance
constexpr unsigned often = 64;  // requests from drain to drain

struct Plan {
  unsigned count, depth;
  bool drains = true;
};

struct Recorded {
  trace::Recording recording;
  std::array<std::uint64_t, BELLWIRE_SIDES> written;
  unsigned rings;  // the others were found by a device that was still awake
};

// As a process in the guest does. Returns how often it rang.
unsigned run(Driver& driver, const Plan& plan, trace::Recorder& recorder) {
  auto& queue = driver.queue();
  PollTime no_time(Polling::off);
  unsigned submitted = 0, taken = 0, rings = 0;
  const auto ring = [&] { driver.ring(), ++rings; };
  const auto sleep = [&] { REQUIRE(driver.wait_for_interrupt()); };
  for (auto next_drain = often; taken < plan.count;) {
    for (; submitted < plan.count && queue.in_flight() < plan.depth; ++submitted)
      REQUIRE(queue.submit({}));
    ring::publish_and_wait(queue, no_time, ring, sleep);
    while (queue.take()) ++taken;
    if (!plan.drains || taken < next_drain) continue;
    recorder.drain();
    next_drain = taken + often;
  }
  return rings;
}

template <class Kind = Echo>
Recorded record(TransportFixture& fixture, const Plan& plan) {
  Kind kind;
  std::optional<RunningDevice> device(std::in_place, kind, fixture.attach().value(),
                                      fixture.polling);
  Driver driver(driver_end(fixture.endpoint(), fixture.memory()), 0);
  driver.wait_until_served();
  trace::Recorder recorder(BELLWIRE_HOST_RECORDS);
  recorder.watch(0, driver.raw_queue());
  const auto rings = run(driver, plan, recorder);
  device.reset();  // it may have been about to write more
  Recorded recorded{.recording = recorder.stop(), .written = {}, .rings = rings};
  for (unsigned side = 0; side < BELLWIRE_SIDES; ++side)
    recorded.written[side] = driver.control().sides[side].written;
  return recorded;
}

struct Way {
  explicit Way(const trace::Journey& journey) {
    std::optional<double> before;
    for (const auto& at : journey.at) {
      if (!at) continue;
      const double hop = *at - before.value_or(*at);
      sum += hop;
      furthest_back = std::max(furthest_back, -hop);
      before = at;
      ++stages;
    }
  }
  double sum = 0, furthest_back = 0;  // ns: of its hops, and of the one that most ends too early
  unsigned stages = 0;
};

struct Tally {
  explicit Tally(const trace::Timeline& timeline) {
    for (const auto& journey : timeline.journeys) add(journey, timeline.uncertainty_ns);
  }
  void add(const trace::Journey& journey, double uncertainty) {
    constexpr double rounding = 0.01;  // ns
    const auto& at = journey.at;
    const bool has_own = at[BELLWIRE_SUBMITTED] && at[BELLWIRE_TAKEN] && at[BELLWIRE_POSTED] &&
                         at[BELLWIRE_CONSUMED];
    if (!has_own) return;
    ++complete;
    const Way way(journey);
    const double time = *at[BELLWIRE_CONSUMED] - *at[BELLWIRE_SUBMITTED];
    whole += way.stages == BELLWIRE_STAGES ? 1 : 0;
    wrong_sum += std::abs(way.sum - time) > uncertainty + rounding ? 1 : 0;
    backwards += way.furthest_back > 0 ? 1 : 0;
    too_far_back += way.furthest_back > uncertainty ? 1 : 0;
  }
  unsigned complete = 0, whole = 0;  // with its own stages, and with all
  unsigned wrong_sum = 0, backwards = 0, too_far_back = 0;
};

void check_in_order(const Tally& tally) {
  CHECK(tally.complete == requests);
  CHECK(tally.wrong_sum == 0);
  CHECK(tally.backwards <= few);
  CHECK(tally.too_far_back == 0);
}

// Driver and device have one clock: a reader that does not know it finds it, too.
void check_clock(const trace::Timeline& timeline) {
  check_in_order(Tally(timeline));
  CHECK(timeline.contradictions == 0);
  CHECK(std::abs(static_cast<double>(timeline.offset_ticks)) / timeline.ticks_per_ns <=
        timeline.uncertainty_ns);
}

}  // namespace

TEST_CASE("each request's hops are reported in order, on every transport") {
  for (const unsigned depth : {1U, 64U}) SUBCASE(text("depth {}", depth).c_str()) {
      on_each_transport(1, [depth](TransportFixture& fixture) {
        const auto recorded = record(fixture, {requests, depth});
        for (const auto lost : recorded.recording.lost) CHECK(lost == 0);
        const Tally tally(make_timeline(recorded.recording, trace::Clocks::one));
        check_in_order(tally);
        const bool hops_all = depth == 1 && fixture.polling == Polling::off;
        if (hops_all) CHECK(tally.whole + few >= recorded.rings);
        check_clock(make_timeline(recorded.recording, trace::Clocks::guest));
      });
    }
}

TEST_CASE("hops are in order although requests overtake each other, on every transport") {
  on_each_transport(1, [](TransportFixture& fixture) {
    const auto recorded = record<Delay>(fixture, {requests, 64});
    for (const auto lost : recorded.recording.lost) CHECK(lost == 0);
    check_in_order(Tally(make_timeline(recorded.recording, trace::Clocks::one)));
  });
}

TEST_CASE("what nobody read in time is counted, on every transport") {
  on_each_transport(1, [](TransportFixture& fixture) {
    const auto recorded = record(fixture, {.count = 2'500, .depth = 1, .drains = false});
    for (unsigned side = 0; side < BELLWIRE_SIDES; ++side) {
      CHECK(recorded.recording.lost[side] > 0);
      CHECK(recorded.recording.lost[side] + recorded.recording.queues[0].of[side].size() ==
            recorded.written[side]);
    }
  });
}
