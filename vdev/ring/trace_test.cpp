// SPDX-License-Identifier: BSD-3-Clause
//
// Records: what a side writes is what a reader finds, or counts as lost.
#include "vdev/ring/trace.hpp"

#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "vdev/testing/driver.hpp"

using namespace bellwire;
using bellwire::testing::Wires;

namespace {

// A queue whose recording is on.
struct Recorded {
  Recorded() : memory(Wires::create(1).device_end().memory) {
    ring::format(memory.bytes(), 1).value();
    ring::set_recording(queue(), BELLWIRE_HOST_RECORDS, true);
  }
  [[nodiscard]] ring::Queue queue() const { return ring::Layout::open(memory).value().queue(0); }
  [[nodiscard]] std::uint64_t room() const { return queue().trace_entries; }

  MemoryView memory;
};

std::vector<bellwire_record> drained(ring::TraceReader& reader) {
  std::vector<bellwire_record> records;
  reader.drain(records);
  return records;
}

}  // namespace

TEST_CASE("records are read once, in order, with what was noted") {
  const Recorded recorded;
  ring::TraceReader reader(recorded.queue(), BELLWIRE_DEVICE);
  ring::TraceWriter writer(recorded.queue(), BELLWIRE_DEVICE);
  writer.note(BELLWIRE_WOKEN, 0x10003, 8);
  writer.note_all(BELLWIRE_POSTED, 0x10003, 0xffffffff, 1);
  const auto records = drained(reader);
  REQUIRE(records.size() == 2);
  CHECK(records[0].stage == BELLWIRE_WOKEN);
  CHECK(records[0].generation == 3);
  CHECK(records[0].index == 8);
  CHECK(records[0].more == 0);
  CHECK(records[1].index == 0xffffffff);
  CHECK(records[1].more == 1);
  CHECK(records[0].ticks <= records[1].ticks);
  CHECK(drained(reader).empty());
  CHECK(reader.lost() == 0);
}

TEST_CASE("requests that meet a stage together share records, as many as they need") {
  const Recorded recorded;
  ring::TraceReader reader(recorded.queue(), BELLWIRE_PROCESS);
  ring::TraceWriter writer(recorded.queue(), BELLWIRE_PROCESS);
  writer.note_all(BELLWIRE_SUBMITTED, 1, 5, 5);
  CHECK(drained(reader).empty());
  writer.note_all(BELLWIRE_SUBMITTED, 1, 5, 605);
  std::uint32_t next = 5;
  for (const auto& record : drained(reader)) {
    CHECK(record.index == next);
    next += record.more + 1U;
  }
  CHECK(next == 605);
}

TEST_CASE("nothing is written while nobody records, whoever of two stops last") {
  const Recorded recorded;
  ring::TraceWriter writer(recorded.queue(), BELLWIRE_PROCESS);
  const auto& written = recorded.queue().control->sides[BELLWIRE_PROCESS].written;
  ring::set_recording(recorded.queue(), BELLWIRE_GUEST_RECORDS, true);
  ring::set_recording(recorded.queue(), BELLWIRE_HOST_RECORDS, false);
  writer.note(BELLWIRE_SUBMITTED, 1, 0);
  CHECK(written == 1);
  ring::set_recording(recorded.queue(), BELLWIRE_GUEST_RECORDS, false);
  writer.note(BELLWIRE_SUBMITTED, 1, 0);
  CHECK(written == 1);
}

TEST_CASE("a writer that comes later goes on behind the one before") {
  const Recorded recorded;
  ring::TraceReader reader(recorded.queue(), BELLWIRE_DEVICE);
  for (std::uint32_t life = 0; life < 3; ++life)
    ring::TraceWriter(recorded.queue(), BELLWIRE_DEVICE).note(BELLWIRE_TAKEN, 1, life);
  const auto records = drained(reader);
  REQUIRE(records.size() == 3);
  for (std::uint32_t life = 0; life < 3; ++life) CHECK(records[life].index == life);
}

TEST_CASE("what is overwritten is counted, and nothing else") {
  const Recorded recorded;
  ring::TraceReader reader(recorded.queue(), BELLWIRE_DEVICE);
  ring::TraceWriter writer(recorded.queue(), BELLWIRE_DEVICE);
  const auto written = static_cast<std::uint32_t>(recorded.room() * 3 + 5);
  for (std::uint32_t index = 0; index < written; ++index) writer.note(BELLWIRE_TAKEN, 1, index);
  const auto records = drained(reader);
  CHECK(records.size() + reader.lost() == written);
  CHECK(records.size() + 1 == recorded.room());  // the oldest may be half overwritten
  CHECK(records.back().index == written - 1);
  CHECK(records.front().index == written - records.size());
}

TEST_CASE("a count that lies costs records, not safety") {
  const Recorded recorded;
  ring::TraceReader reader(recorded.queue(), BELLWIRE_DEVICE);
  auto& written = recorded.queue().control->sides[BELLWIRE_DEVICE].written;
  std::mt19937_64 random(1);
  for (int times = 0; times < 100; ++times) {
    ring::store(written, times % 2 == 0 ? random() : ring::load(written, ring::relaxed) - 1,
                ring::release);
    CHECK(drained(reader).size() <= recorded.room());
  }
  ring::TraceWriter(recorded.queue(), BELLWIRE_DEVICE).note(BELLWIRE_TAKEN, 1, 7);
  const auto records = drained(reader);
  REQUIRE_FALSE(records.empty());
  CHECK(records.back().index == 7);
}

TEST_CASE("two threads: no record is read in pieces, all are read or counted") {
  const Recorded recorded;
  ring::TraceReader reader(recorded.queue(), BELLWIRE_DEVICE);
  constexpr std::uint32_t count = 200'000;
  std::thread thread([&] {
    ring::TraceWriter writer(recorded.queue(), BELLWIRE_DEVICE);
    for (std::uint32_t index = 0; index < count; ++index)
      writer.note(BELLWIRE_TAKEN, index, index);  // both halves of a word say the same
  });
  std::vector<bellwire_record> records;
  while (records.size() + reader.lost() < count) reader.drain(records);
  thread.join();
  CHECK(records.size() + reader.lost() == count);
  std::uint32_t next = 0;
  std::uint64_t last = 0;
  for (const auto& record : records) {
    REQUIRE(record.index >= next);
    REQUIRE(record.generation == static_cast<std::uint16_t>(record.index));
    REQUIRE(record.ticks >= last);
    next = record.index + 1;
    last = record.ticks;
  }
}
