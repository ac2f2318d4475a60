// SPDX-License-Identifier: BSD-3-Clause
//
// A guest's process can write whatever it likes into its own queue's records. The other queues'
// requests must be what they are without it.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <random>

#include "vdev/testing/trace_script.hpp"

using namespace bellwire;
using namespace bellwire::trace;

namespace {

constexpr std::uint64_t began = 1'000'000'000'000;
constexpr unsigned honest = 0, liar = 1;
constexpr std::uint32_t requests = 200;

using Lie = std::function<void(RecordingScript&)>;

RecordingScript honest_queue() {
  RecordingScript script(ahead, 2);
  script.recording().ticks_per_ns = 2.5;
  script.recording().window = {began, began + 10'000'000};
  for (std::uint32_t index = 0; index < requests; ++index)
    script.whole(began + 1000 + 500 * index, index);
  script.on(liar);
  return script;
}

bellwire_record& last_of(RecordingScript& script, bellwire_side side) {
  return script.recording().queues[liar].of[side].back();
}

std::vector<Journey> of_honest(const Timeline& timeline) {
  std::vector<Journey> journeys;
  for (const auto& journey : timeline.journeys)
    if (journey.queue == honest) journeys.push_back(journey);
  return journeys;
}

// The beginning of time may be another request's: what counts is how long everything took.
void check_same_ways(const std::vector<Journey>& are, const std::vector<Journey>& were) {
  REQUIRE(are.size() == were.size());
  const double moved = *are.front().at[0] - *were.front().at[0];
  for (std::size_t place = 0; place < were.size(); ++place) {
    REQUIRE(are[place].index == were[place].index);
    for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage) {
      REQUIRE(are[place].at[stage].has_value() == were[place].at[stage].has_value());
      if (were[place].at[stage])
        REQUIRE(*are[place].at[stage] - *were[place].at[stage] == doctest::Approx(moved));
    }
  }
}

void check_calls(const std::vector<Call>& calls, std::size_t expected) {
  std::size_t found = 0;
  for (const auto& call : calls) found += call.queue == honest ? 1 : 0;
  CHECK(found == expected);
}

std::uint64_t left_out_of(const Timeline& timeline, unsigned queue) {
  std::uint64_t sum = 0;
  for (const auto& left : timeline.left_out)
    if (left.queue == queue) sum += left.requests + left.records;
  return sum;
}

// What nobody could have recorded is counted, and in no list.
void check_isolated(const Lie& lie, bool counted = true) {
  const auto alone = honest_queue().timeline();
  auto script = honest_queue();
  lie(script);
  const auto timeline = script.timeline();
  check_same_ways(of_honest(timeline), of_honest(alone));
  check_calls(timeline.doorbells, alone.doorbells.size());
  check_calls(timeline.interrupts, alone.interrupts.size());
  CHECK(left_out_of(timeline, honest) == 0);
  CHECK((left_out_of(timeline, liar) > 0) == counted);
  for (const auto& journey : timeline.journeys)
    for (const auto& at : journey.at)
      if (at) REQUIRE(std::abs(*at) < 3e9);  // the window, and a second each way
}

}  // namespace

TEST_CASE("times outside of the recording are left out") {
  for (const std::uint64_t time : {std::uint64_t{0}, began - 20'000'000'000, 2 * began,
                                   std::uint64_t{1} << 62, ~std::uint64_t{0}, ~began})
    for (const auto side : {BELLWIRE_PROCESS, BELLWIRE_MODULE, BELLWIRE_DEVICE})
      check_isolated([time, side](RecordingScript& script) {
        for (std::uint32_t index = 0; index < 50; ++index) script.whole(began + 900 * index, index);
        for (auto& record : script.recording().queues[liar].of[side]) record.ticks = time;
      });
}

TEST_CASE("a clock of its own moves nobody else's times") {
  for (const std::int64_t shift : {std::int64_t{1'000'000'000'000}, std::int64_t{-400'000'000'000},
                                   std::int64_t{3'000}, std::int64_t{-3'000}})
    check_isolated(
        [shift](RecordingScript& script) {
          for (std::uint32_t index = 0; index < 50; ++index)
            script.whole(began + 900 * index, index);
          for (const auto side : {BELLWIRE_PROCESS, BELLWIRE_MODULE})
            for (auto& record : script.recording().queues[liar].of[side])
              record.ticks += static_cast<std::uint64_t>(shift);
        },
        false);  // as if it were another guest's
}

TEST_CASE("stages that there aren't, or another side's, are left out") {
  for (const unsigned stage : {unsigned{BELLWIRE_STAGES}, 255U, unsigned{BELLWIRE_TAKEN}})
    check_isolated([stage](RecordingScript& script) {
      script.whole(began + 5000, 7);
      last_of(script, BELLWIRE_PROCESS).stage = static_cast<__u8>(stage);
    });
}

TEST_CASE("one absurd time costs a queue that one request") {
  auto script = honest_queue();
  for (std::uint32_t index = 0; index < 50; ++index) script.whole(began + 900 * index, index);
  last_of(script, BELLWIRE_PROCESS).ticks = ~std::uint64_t{0};
  const auto timeline = script.timeline();
  CHECK(timeline.journeys.size() == requests + 49);
  CHECK(left_out_of(timeline, liar) > 0);
}

TEST_CASE("a queue alone that contradicts itself still has what can be") {
  RecordingScript script;
  std::mt19937_64 random(5);
  for (std::uint32_t index = 0; index < 50; ++index) {
    script.whole(began + 900 * index, index);
    for (auto& record : script.recording().queues[0].of[BELLWIRE_PROCESS])
      record.ticks += random() % 100'000;
  }
  const auto timeline = script.timeline();
  CHECK(timeline.journeys.size() == 50);
  CHECK(timeline.contradictions > 0);
}

TEST_CASE("any bytes at all in one queue leave the others' requests as they are") {
  std::mt19937_64 random(13);
  for (int turn = 0; turn < 100; ++turn)
    check_isolated([&](RecordingScript& script) {
      for (auto& side : script.recording().queues[liar].of) {
        side.resize(300);
        for (auto& record : side) {
          const std::uint64_t words[] = {random() >> (random() % 64), random()};
          std::memcpy(&record, words, sizeof record);
          if (turn % 2 != 0) continue;
          record.ticks = began + random() % 10'000'000;  // what can be, in any order
          record.stage %= BELLWIRE_STAGES;
          record.generation = 1;
          record.index %= 64;
        }
      }
    });
}
