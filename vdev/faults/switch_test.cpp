// SPDX-License-Identifier: BSD-3-Clause
//
// Each fault on wires whose ends are the test's. No test waits for a time to pass: a long one is
// ended by what the test does, a short one by the loop.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <thread>
#include <vector>

#include "vdev/faults/faults.hpp"
#include "vdev/testing/loop.hpp"

using namespace bellwire;
using bellwire::testing::LogCatcher;
using Counts = std::vector<std::uint64_t>;

namespace {

// Two queues; the plan is of interrupts or of doorbells, and both are tested alike.
struct FaultBench {
  explicit FaultBench(const char* plan, std::shared_ptr<FaultTally> kept = nullptr)
      : tally(kept ? std::move(kept)
                   : std::make_shared<FaultTally>(FaultPlan::parse(plan).value())) {
    for (const auto& event : out)
      attachment.interrupts.push_back(InterruptLine(event.duplicate().value()).interrupt());
    attachment.doorbells = os::duplicate(rung).value();
    faults.emplace(Faults::start(loop.context, attachment, tally).value());
  }

  void raise(unsigned index) { attachment.interrupts[index].raise(); }
  // What has gone out meanwhile, by wire.
  Counts came() {
    loop.run();
    return {out[0].drain().value_or(0), out[1].drain().value_or(0)};
  }
  Counts raise_and_look(unsigned index) {
    raise(index);
    return came();
  }
  // Until so many have gone out.
  bool comes(unsigned index, std::uint64_t count) {
    std::uint64_t sum = 0;
    return loop.run_until([&] { return (sum += out[index].drain().value_or(0)) >= count; }) &&
           sum == count;
  }

  testing::Loop loop;
  std::vector<os::EventFd> out = os::create_events(2).value();
  std::vector<os::EventFd> rung = os::create_events(2).value();
  Attachment attachment;
  std::shared_ptr<FaultTally> tally;
  std::optional<Faults> faults;
};

const Counts none{0, 0}, first{1, 0}, second{0, 1}, both{1, 1};

// Which of `rings` interrupts are lost, with the wires taking turns or one after the other.
std::vector<bool> losses(const char* plan, unsigned wire, bool turns) {
  FaultBench bench(plan);
  std::vector<bool> lost;
  for (unsigned ring = 0; ring < 200; ++ring) {
    if (turns) bench.raise_and_look(1 - wire);
    lost.push_back(bench.raise_and_look(wire)[wire] == 0);
  }
  return lost;
}

}  // namespace

TEST_CASE("the Nth is lost, counted over all wires of its kind") {
  FaultBench bench("drop interrupt 3");
  CHECK(bench.raise_and_look(0) == first);
  CHECK(bench.raise_and_look(1) == second);
  CHECK(bench.raise_and_look(1) == none);
  CHECK(bench.raise_and_look(1) == second);
  CHECK(bench.tally->count(0) == 1);
  CHECK(bench.tally->arrivals(FaultWire::interrupt) == 4);
}

TEST_CASE("a doorbell keeps its count, and the other kind is left alone") {
  FaultBench bench("drop doorbell 2");
  bench.rung[1].ring(3);
  bench.loop.run();
  CHECK(bench.attachment.doorbells[1].drain() == 3);
  bench.rung[0].ring();
  bench.loop.run();
  CHECK_FALSE(bench.attachment.doorbells[0].drain());
  bench.raise(0);
  CHECK(bench.out[0].drain() == 1);
}

TEST_CASE("all attachments of a device count together") {
  const auto tally = std::make_shared<FaultTally>(FaultPlan::parse("drop interrupt 3").value());
  for (const auto& expected : {first, first, none, first}) {
    FaultBench bench("", tally);
    CHECK(bench.raise_and_look(0) == expected);
  }
}

TEST_CASE("chance is the seed's, and each wire has its own") {
  const auto lost = losses("drop interrupt 1/10; seed 7", 0, false);
  const auto count = std::ranges::count(lost, true);
  CHECK(count > 5);
  CHECK(count < 45);
  CHECK(losses("drop interrupt 1/10; seed 7", 0, true) == lost);
  CHECK(losses("drop interrupt 1/10; seed 7", 1, false) != lost);
  CHECK(losses("drop interrupt 1/10; seed 8", 0, false) != lost);
  CHECK(losses("drop interrupt 1/10", 0, false) == losses("drop interrupt 1/10; seed 1", 0, true));
}

TEST_CASE("the first rule that chooses a signal has it") {
  FaultBench bench("drop interrupt 1; drop interrupt every 1");
  bench.raise_and_look(0);
  bench.raise_and_look(0);
  CHECK(bench.tally->count(0) == 1);
  CHECK(bench.tally->count(1) == 1);
}

TEST_CASE("a delayed one is overtaken, and comes later") {
  FaultBench bench("delay interrupt 1 60s; delay interrupt 3 1ns..1us");
  CHECK(bench.raise_and_look(0) == none);
  CHECK(bench.raise_and_look(0) == first);
  bench.raise(0);
  CHECK(bench.comes(0, 1));
  bench.faults.reset();
  CHECK(bench.came() == first);
}

TEST_CASE("a doubled one comes at once, and again") {
  FaultBench bench("double interrupt 1 60s; double interrupt 2 1ns");
  CHECK(bench.raise_and_look(0) == first);
  bench.raise(0);
  CHECK(bench.comes(0, 2));
  bench.faults.reset();
  CHECK(bench.came() == first);
}

TEST_CASE("a merged one comes with the next of its wire, or when its time is over") {
  FaultBench bench("merge interrupt 1 60s; merge interrupt 4 1ns");
  CHECK(bench.raise_and_look(0) == none);
  CHECK(bench.raise_and_look(1) == second);
  CHECK(bench.raise_and_look(0) == first);
  bench.raise(0);
  CHECK(bench.comes(0, 1));
}

TEST_CASE("a reordered one comes behind one of another wire, or when its time is over") {
  FaultBench bench("reorder interrupt 1 60s; reorder interrupt 4 1ns");
  CHECK(bench.raise_and_look(0) == none);
  CHECK(bench.raise_and_look(0) == first);
  CHECK(bench.raise_and_look(1) == both);
  bench.raise(1);
  CHECK(bench.comes(1, 1));
}

TEST_CASE("a signal that another waits for is not made to wait itself") {
  FaultBench merged("merge interrupt 60s");
  for (const auto& expected : {none, first, none, first})
    CHECK(merged.raise_and_look(0) == expected);
  CHECK(merged.tally->count(0) == 2);
  FaultBench swapped("reorder interrupt 60s");
  CHECK(swapped.raise_and_look(0) == none);
  CHECK(swapped.raise_and_look(1) == both);
  CHECK(swapped.raise_and_look(1) == none);
  CHECK(swapped.raise_and_look(0) == both);
}

TEST_CASE("no more than a bounded number is held") {
  const LogCatcher log;
  FaultBench bench("delay interrupt 60s");
  for (std::size_t times = 0; times < FaultSwitch::most_held; ++times)
    REQUIRE(bench.raise_and_look(0) == none);
  CHECK(bench.raise_and_look(0) == first);
  CHECK(bench.tally->count(0) == FaultSwitch::most_held);
  CHECK(log.count("too many are held already") == 1);
}

TEST_CASE("a misrouted one comes by another wire") {
  FaultBench bench("misroute interrupt 2");
  CHECK(bench.raise_and_look(0) == first);
  CHECK(bench.raise_and_look(0) == second);
  CHECK(bench.raise_and_look(0) == first);
}

TEST_CASE("a swapped eventfd loses nothing of what another thread raises meanwhile") {
  FaultBench bench("swap interrupt every 2");
  constexpr unsigned batches = 500, each = 4;
  for (unsigned batch = 0; batch < batches; ++batch) {
    std::atomic<unsigned> done = 0;
    unsigned seen = 0;  // of that, when an interrupt came last
    std::thread device([&] {
      while (done < each) {
        ++done;
        bench.raise(0);
      }
    });
    CHECK(bench.loop.run_until([&] {
      if (bench.out[0].drain()) seen = done;
      return seen == each;
    }));
    device.join();
    bench.came();
  }
  CHECK(bench.tally->count(0) >= batches / 2);
}

TEST_CASE("what needs another wire does not happen to the only one, and is not counted") {
  for (const auto* const plan : {"misroute interrupt", "reorder interrupt 60s"}) {
    CAPTURE(plan);
    const LogCatcher log;
    testing::Loop loop;
    const auto out = os::EventFd::create().value();
    Attachment attachment{.doorbells = {},
                          .interrupts = {InterruptLine(out.duplicate().value()).interrupt()},
                          .memory = {}};
    const auto tally = std::make_shared<FaultTally>(FaultPlan::parse(plan).value());
    const auto faults = Faults::start(loop.context, attachment, tally).value();
    attachment.interrupts[0].raise();
    loop.run();
    CHECK(out.drain() == 1);
    CHECK(tally->count(0) == 0);
    CHECK(log.count("no other wire of its kind is in use") == 1);
  }
}

TEST_CASE("invented ones come without any signal, and stop with the wires") {
  FaultBench bench("invent interrupt 1ns..1us");
  CHECK(bench.loop.run_until([&] { return bench.tally->count(0) >= 20; }));
  bench.faults.reset();
  const auto counts = bench.came();
  CHECK(counts[0] > 0);
  CHECK(counts[1] > 0);
  CHECK(bench.tally->arrivals(FaultWire::interrupt) == 0);
  const auto count = bench.tally->count(0);
  bench.loop.run();
  CHECK(bench.tally->count(0) == count);
}

TEST_CASE("after a stall the signal goes on") {
  FaultBench bench("stall interrupt 1 1us");
  CHECK(bench.raise_and_look(0) == first);
  CHECK(bench.tally->count(0) == 1);
}

TEST_CASE("a stall ends when there is an end to it, also if that came before") {
  FaultBench bench("stall interrupt 1 60s");
  const auto end = os::EventFd::create(1).value();
  bench.tally->end_stalls_by(end.fd());
  CHECK(bench.raise_and_look(0) == first);
  CHECK(bench.tally->count(0) == 1);
}

TEST_CASE("whatever has not gone out when it ends goes out, but what is lost") {
  struct Ending {
    const char* plan;
    Counts counts;
  };
  const Ending endings[] = {
      {"drop interrupt 9", both},        {"drop interrupt 1/1", none},
      {"delay interrupt 60s", both},     {"merge interrupt 60s", both},
      {"reorder interrupt 1 60s", both}, {"misroute interrupt 1", Counts{0, 2}},
  };
  for (const auto& ending : endings)
    for (const bool looked : {false, true}) {
      CAPTURE(ending.plan);
      CAPTURE(looked);
      FaultBench bench(ending.plan);
      if (looked) boost::asio::post(bench.loop.context, [&bench] { bench.faults.reset(); });
      bench.raise(0);
      bench.raise(1);
      if (looked) bench.loop.run();
      bench.faults.reset();
      CHECK(bench.came() == ending.counts);
    }
}

TEST_CASE("the log names the fault, its signal, and the request that it hit") {
  struct Knows final : FaultWitness {
    std::optional<FaultVictim> newest_request(FaultWire, unsigned index) noexcept override {
      return FaultVictim{4711 + index};
    }
  };
  const LogCatcher log;
  testing::Loop loop;
  const auto out = os::EventFd::create().value();
  Attachment attachment{.doorbells = {},
                        .interrupts = {InterruptLine(out.duplicate().value()).interrupt()},
                        .memory = {}};
  const auto tally =
      std::make_shared<FaultTally>(FaultPlan::parse("delay interrupt every 1 2us").value());
  const auto faults =
      Faults::start(loop.context, attachment, tally, std::make_shared<Knows>()).value();
  attachment.interrupts[0].raise();
  loop.run();
  CHECK(log.count("bellwire: warning: fault: delay interrupt 1 on wire 0 (2.0 us), newest request "
                  "4711\n") == 1);
  for (int times = 0; times < 1000; ++times) {
    attachment.interrupts[0].raise();
    loop.run();
  }
  CHECK(log.count("fault: delay") < 100);
  CHECK(log.count("more of these") >= 1);
  CHECK(tally->count(0) == 1001);
}

TEST_CASE("a plan says what it did, and that it did nothing") {
  FaultTally tally(FaultPlan::parse("drop doorbell 2").value());
  CHECK_FALSE(tally.arrived(FaultWire::doorbell, 0));
  CHECK(tally.check().error().message == "nothing was dropped: only 1 doorbells arrived");
  const auto fault = tally.arrived(FaultWire::doorbell, 0);
  REQUIRE(fault);
  tally.injected(*fault, 0, std::nullopt);
  CHECK(tally.check());
  CHECK(tally.report() == "1 by 'drop doorbell 2'");
  const FaultTally other(FaultPlan::parse("drop doorbell 1; stall interrupt 2 5ms").value());
  CHECK(other.check().error().message ==
        "nothing was injected: only 0 doorbells and 0 interrupts arrived");
  CHECK(other.report() == "0 by 'drop doorbell 1', 0 by 'stall interrupt 2 5ms'");
}

TEST_CASE("without a plan nothing stands between") {
  Attachment attachment;
  const auto event = os::EventFd::create().value();
  attachment.doorbells.push_back(event.duplicate().value());
  const auto fd = attachment.doorbells[0].fd();
  const auto faults = Faults::start(nullptr, attachment).value();
  CHECK(attachment.doorbells[0].fd() == fd);
  CHECK(fault_descriptors(nullptr) == 0);
}
