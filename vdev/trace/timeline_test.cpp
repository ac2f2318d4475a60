// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/timeline.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "vdev/testing/trace_script.hpp"

using namespace bellwire;
using namespace bellwire::trace;

namespace {

bool monotonic(const Journey& journey, double uncertainty) {
  double last = 0;
  for (const auto& at : journey.at) {
    if (at && *at < last - uncertainty) return false;
    last = at.value_or(last);
  }
  return true;
}

}  // namespace

TEST_CASE("a request alone has all its stages, on one clock") {
  const auto timeline = RecordingScript().whole(1000, 0).whole(2000, 1).timeline();
  REQUIRE(timeline.journeys.size() == 2);
  CHECK(timeline.offset_ticks == ahead);
  CHECK(timeline.uncertainty_ns == 10);
  for (std::size_t which = 0; which < 2; ++which)
    for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage)
      CHECK(timeline.journeys[which].at[stage] == static_cast<double>(1000 * which + 10 * stage));
}

TEST_CASE("faults and recoveries have their time on the host's clock") {
  auto script = RecordingScript().whole(1000, 0).whole(2000, 1);
  auto& recording = script.recording();
  const auto recover = [&](bellwire_side side, std::uint64_t ticks, bellwire_recovery what) {
    recording.queues[0].of[side].push_back({ticks, static_cast<__u8>(what), 0, 1, 1});
  };
  recording.window = {500, 3000};
  recording.faults = {{2005, 0, "drop interrupt 3", 1}};
  recover(BELLWIRE_MODULE, 2060 + ahead, BELLWIRE_RECOVERED_INTERRUPT);
  recover(BELLWIRE_MODULE, 2030 + ahead, BELLWIRE_RECOVERED_DOORBELL);   // noted later
  recover(BELLWIRE_MODULE, 1ULL << 62, BELLWIRE_RECOVERED_DOORBELL);     // a lie
  recover(BELLWIRE_PROCESS, 2060 + ahead, BELLWIRE_RECOVERED_DOORBELL);  // of the wrong side
  const auto timeline = script.timeline();
  REQUIRE(timeline.faults.size() == 1);
  CHECK(timeline.faults[0].at == 1005);
  CHECK(timeline.faults[0].index == 1U);
  REQUIRE(timeline.recovered.size() == 2);
  CHECK(timeline.recovered[0].what == BELLWIRE_RECOVERED_DOORBELL);
  CHECK(timeline.recovered[0].at == 1030);
  CHECK(timeline.recovered[1].at == 1060);
  CHECK(timeline.recovered[1].index == 1);
  REQUIRE(timeline.left_out.size() == 1);
  CHECK(timeline.left_out[0].records == 2);
  CHECK(timeline.journeys.size() == 2);
}

TEST_CASE("one doorbell and one interrupt stand for all requests that they announce") {
  RecordingScript script;
  script.note_all(100, BELLWIRE_SUBMITTED, 0, 3);
  script.note(110, BELLWIRE_KICKED, 3).note(120, BELLWIRE_RUNG, 3).note(130, BELLWIRE_WOKEN, 3);
  for (std::uint32_t index = 0; index < 3; ++index) script.note(140 + index, BELLWIRE_TAKEN, index);
  script.note_all(150, BELLWIRE_POSTED, 0, 3);
  script.note(160, BELLWIRE_RAISED, 3).note(170, BELLWIRE_INTERRUPTED, 3);
  script.note(180, BELLWIRE_SIGNALLED, 3).note(190, BELLWIRE_AWAKE, 3);
  script.note_all(200, BELLWIRE_CONSUMED, 0, 2).note(210, BELLWIRE_CONSUMED, 2);
  const auto timeline = script.timeline();
  REQUIRE(timeline.journeys.size() == 3);
  CHECK(timeline.journeys[1].at[BELLWIRE_CONSUMED] == 100);
  CHECK(timeline.journeys[2].at[BELLWIRE_CONSUMED] == 110);
  REQUIRE(timeline.doorbells.size() == 1);
  REQUIRE(timeline.interrupts.size() == 1);
  CHECK(timeline.doorbells[0].requests == 3);
  CHECK(timeline.interrupts[0].requests == 3);
  for (const auto& journey : timeline.journeys)
    for (const auto& at : journey.at) CHECK(at.has_value());
}

TEST_CASE("a side that was awake anyway was not woken for the request") {
  RecordingScript script;
  script.whole(0, 0);
  script.note(200, BELLWIRE_SUBMITTED, 1).note(202, BELLWIRE_KICKED, 2);
  script.note(204, BELLWIRE_TAKEN, 1).note(205, BELLWIRE_POSTED, 1);
  script.note(206, BELLWIRE_CONSUMED, 1);                           // the process looked
  script.note(210, BELLWIRE_RUNG, 2).note(220, BELLWIRE_WOKEN, 2);  // too late
  const auto timeline = script.timeline();
  REQUIRE(timeline.journeys.size() == 2);
  const auto& second = timeline.journeys[1];
  CHECK(second.at[BELLWIRE_TAKEN].has_value());
  CHECK(second.at[BELLWIRE_CONSUMED].has_value());
  for (const auto stage : {BELLWIRE_KICKED, BELLWIRE_RUNG, BELLWIRE_WOKEN, BELLWIRE_RAISED,
                           BELLWIRE_INTERRUPTED, BELLWIRE_SIGNALLED, BELLWIRE_AWAKE})
    CHECK_FALSE(second.at[stage].has_value());
  REQUIRE(timeline.doorbells.size() == 2);
  CHECK(timeline.doorbells[1].requests == 0);
}

TEST_CASE("a doorbell that came too late for its request says nothing about the clocks") {
  RecordingScript script;
  script.note(0, BELLWIRE_SUBMITTED, 0).note(10, BELLWIRE_RUNG, 1);
  script.note(12, BELLWIRE_SUBMITTED, 1).note(20, BELLWIRE_WOKEN, 2).note(30, BELLWIRE_RUNG, 2);
  for (const auto index : {0U, 1U})
    script.note(21 + index, BELLWIRE_TAKEN, index).note(23 + index, BELLWIRE_POSTED, index);
  script.note(25, BELLWIRE_RAISED, 2).note(45, BELLWIRE_INTERRUPTED, 2);
  script.note(50, BELLWIRE_AWAKE, 2);
  for (const auto index : {0U, 1U}) script.note(51 + index, BELLWIRE_CONSUMED, index);
  const auto timeline = script.timeline();
  CHECK(timeline.contradictions == 0);
  CHECK(std::abs(static_cast<double>(timeline.offset_ticks) - static_cast<double>(ahead)) <=
        timeline.uncertainty_ns);
}

TEST_CASE("without a module the device's own word for doorbells and interrupts counts") {
  RecordingScript script(0);
  script.note(0, BELLWIRE_SUBMITTED, 0).note(10, BELLWIRE_WOKEN, 1).note(20, BELLWIRE_TAKEN, 0);
  script.note(30, BELLWIRE_POSTED, 0).note(40, BELLWIRE_RAISED, 1).note(50, BELLWIRE_AWAKE, 1);
  script.note(60, BELLWIRE_CONSUMED, 0);
  const auto timeline = script.timeline(Clocks::one);
  CHECK(timeline.uncertainty_ns == 0);
  REQUIRE(timeline.journeys.size() == 1);
  CHECK(timeline.journeys[0].at[BELLWIRE_RAISED] == 40);
  REQUIRE(timeline.doorbells.size() == 1);
  CHECK(timeline.doorbells[0].requests == 1);
  REQUIRE(timeline.interrupts.size() == 1);
  CHECK(timeline.interrupts[0].requests == 1);
}

TEST_CASE("indices that begin anew are other requests, and may wrap") {
  RecordingScript script;
  script.whole(0, 0, 1).whole(1000, 0, 3).whole(2000, 0xffffffff, 5).whole(3000, 0, 5);
  const auto timeline = script.timeline();
  REQUIRE(timeline.journeys.size() == 4);
  CHECK(timeline.journeys[2].index == 0xffffffff);
  CHECK(timeline.journeys[3].index == 0);
  for (const auto& journey : timeline.journeys) CHECK(journey.at[BELLWIRE_AWAKE].has_value());
}

TEST_CASE("a request that never ended is reported, one whose start is not known is not") {
  RecordingScript script;
  script.note(5, BELLWIRE_TAKEN, 0).note(6, BELLWIRE_POSTED, 0).note(7, BELLWIRE_CONSUMED, 0);
  script.note(10, BELLWIRE_SUBMITTED, 1).note(20, BELLWIRE_RUNG, 2);
  const auto timeline = script.timeline();
  REQUIRE(timeline.journeys.size() == 1);
  CHECK(timeline.journeys[0].index == 1);
  CHECK_FALSE(timeline.journeys[0].at[BELLWIRE_CONSUMED].has_value());
}

TEST_CASE("any bytes at all are survived") {
  std::mt19937_64 random(7);
  for (int times = 0; times < 200; ++times) {
    RecordingScript script;
    for (auto& side : script.recording().queues[0].of) {
      side.resize(200);
      for (auto& record : side) {
        const std::uint64_t words[] = {random() >> (random() % 64), random()};
        std::memcpy(&record, words, sizeof record);
        if (times % 2 == 0) {
          record.stage %= BELLWIRE_STAGES;
          record.generation = 1;
          record.index %= 64;
        }
      }
    }
    const auto timeline = script.timeline();
    CHECK(timeline.journeys.size() <= 3 * 200 * 256);
  }
}

TEST_CASE("random traffic is reported in order, whatever the offset") {
  std::mt19937_64 random(3);
  for (const std::uint64_t offset : {std::uint64_t{0}, ahead, std::uint64_t{0} - ahead}) {
    RecordingScript script(offset);
    std::uint64_t now = 100'000;
    for (std::uint32_t index = 0; index < 500; ++index)
      script.whole(now += 200 + random() % 100, index);
    const auto timeline = script.timeline();
    CHECK(timeline.journeys.size() == 500);
    for (const auto& journey : timeline.journeys)
      REQUIRE(monotonic(journey, timeline.uncertainty_ns));
  }
}
