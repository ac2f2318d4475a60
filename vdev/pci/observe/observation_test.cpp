// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/observe/observation.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "vdev/loop/asio.hpp"

using namespace bellwire;
using namespace bellwire::pci;

namespace {

// A register that counts up when it is read; interrupts and transfers as a test wants them.
class Counter final : public Function, RegisterBlock {
 public:
  Counter() : Function(plan(*this)) {}
  std::uint64_t read(std::uint64_t, unsigned) noexcept override { return ++count; }
  void write(std::uint64_t, unsigned, std::uint64_t value) noexcept override { count = value; }
  void on_reset() noexcept override { count = 0; }
  std::uint64_t count = 0;

 private:
  static Plan plan(RegisterBlock& registers) {
    Plan plan;
    plan.identity = {.vendor = 0x1AF4, .device = 0x10F0};
    plan.intx = true;
    plan.bars[0] = {.shape = {BarKind::memory32, 4096}, .registers = &registers};
    plan.msix.vectors = 2;
    return plan;
  }
};

struct Seen final : Observer {
  void saw(const Event& event, std::span<const std::byte>) noexcept override {
    events.push_back(event);
  }
  [[nodiscard]] std::vector<EventKind> kinds() const {
    std::vector<EventKind> list;
    for (const auto& event : events) list.push_back(event.kind);
    return list;
  }
  std::vector<Event> events;
};

struct Scene {
  boost::asio::io_context context{one_thread};
  Counter function;
  Seen seen;
  std::optional<Observation> observation{std::in_place, context, function,
                                         std::vector<Observer*>{&seen}};

  // As a transport does.
  RegisterBlock& registers() { return *function.bars()[0].registers; }
};

}  // namespace

TEST_CASE("accesses to registers reach the device, and are seen with their values") {
  Scene scene;
  scene.registers().write(8, 4, 41);
  CHECK(scene.registers().read(8, 4) == 42);
  CHECK(scene.seen.kinds() == std::vector{EventKind::write, EventKind::read});
  const auto& [write, read] = std::tie(scene.seen.events[0], scene.seen.events[1]);
  CHECK(write.bar == 0);
  CHECK(write.where == 8);
  CHECK(write.size == 4);
  CHECK(write.value == 41);
  CHECK(read.value == 42);
  CHECK(read.began >= write.began + write.took);
}

TEST_CASE("the config space and a reset are seen") {
  Scene scene;
  std::array<std::byte, 2> vendor{};
  scene.function.access().read_config(0, vendor);
  scene.function.access().write_config(4, std::array{std::byte{7}, std::byte{0}});
  scene.function.count = 3;
  scene.function.access().reset();
  CHECK(scene.function.count == 0);
  CHECK(scene.seen.kinds() ==
        std::vector{EventKind::config_read, EventKind::config_write, EventKind::reset});
  CHECK(scene.seen.events[0].value == 0x1AF4);
  CHECK(scene.seen.events[1].value == 7);
}

TEST_CASE("transfers are seen when they end, with how they ended") {
  Scene scene;
  auto& memory = scene.function.memory();
  auto bytes = os::create_memfd("guest", 4096).value();
  REQUIRE(memory
              .add({.address = 0x1000,
                    .size = 4096,
                    .memory = MemoryView(os::Mapping::create(bytes.get(), 4096).value())})
              .has_value());
  std::array<std::byte, 4> four{std::byte{1}};
  std::vector<bool> failed;
  const auto done = [&failed](const Result<void>& result) { failed.push_back(result.has_error()); };
  memory.write(0x1010, four, done);
  memory.read(0x9000, four, done);
  CHECK(failed == std::vector{false, true});
  CHECK(scene.seen.kinds() == std::vector{EventKind::dma_write, EventKind::dma_read});
  CHECK(scene.seen.events[0].where == 0x1010);
  CHECK(scene.seen.events[0].value == 1);
  CHECK_FALSE(scene.seen.events[0].failed);
  CHECK(scene.seen.events[1].failed);
}

TEST_CASE("interrupts pass through, each kind, and are seen") {
  Scene scene;
  const auto client = os::create_events(2).value();
  auto& interrupts = scene.function.interrupts();
  interrupts.connect(InterruptKind::intx, 0, client[0].duplicate().value());
  interrupts.set_intx(true);
  scene.context.poll();
  CHECK(client[0].drain() == 1);
  interrupts.connect(InterruptKind::msix, 1, client[1].duplicate().value());
  interrupts.vector(1).raise();
  interrupts.vector(1).raise();
  scene.context.poll();
  CHECK(client[1].drain() == 2);
  REQUIRE(scene.seen.kinds() == std::vector{EventKind::interrupt, EventKind::interrupt});
  CHECK(scene.seen.events[1].where == 1);
  CHECK(scene.seen.events[1].size == 2);

  interrupts.disconnect(InterruptKind::msix, 1);
  interrupts.vector(1).raise();
  scene.context.poll();
  CHECK_FALSE(client[1].drain());
  CHECK(scene.seen.events.size() == 2);
}

TEST_CASE("what the client does is seen, and what begins before it has ended") {
  struct Steps final : Observer {
    void saw(const Event& event, std::span<const std::byte> bytes) noexcept override {
      steps.push_back(text("saw {}, {} bytes", static_cast<int>(event.kind), bytes.size()));
    }
    void begins(const Event& event, std::span<const std::byte> bytes) noexcept override {
      steps.push_back(text("begins {}, {} bytes", static_cast<int>(event.kind), bytes.size()));
    }
    void wired(InterruptKind kind, unsigned index, WireAct act) noexcept override {
      steps.push_back(text("wire {} {}: {}", static_cast<int>(kind), index, static_cast<int>(act)));
    }
    void client(bool here) noexcept override { steps.emplace_back(here ? "client" : "gone"); }
    void region(bool here, const AddressRange& range) noexcept override {
      steps.push_back(text("{} {:#x}", here ? "region" : "no region", range.first()));
    }
    std::vector<std::string> steps;
  } steps;
  Scene scene;
  scene.observation.emplace(scene.context, scene.function,
                            std::vector<Observer*>{&scene.seen, &steps});
  auto& function = scene.function;
  REQUIRE(function.access().admit_client().has_value());
  REQUIRE(function.memory().add({.address = 0x1000, .size = 4096}).has_value());
  scene.registers().write(0, 2, 5);
  CHECK(scene.registers().read(0, 4) == 6);
  function.interrupts().connect(InterruptKind::msix, 1, os::EventFd::create().value());
  function.interrupts().set_masked(InterruptKind::msix, 1, true);
  function.interrupts().trigger(InterruptKind::msix, 0);
  function.interrupts().disconnect(InterruptKind::msix, 0);  // it never was
  function.interrupts().disconnect(InterruptKind::msix);
  function.memory().clear();
  function.access().client_gone();
  CHECK(steps.steps == std::vector<std::string>{"client", "region 0x1000", "begins 1, 2 bytes",
                                                "saw 1, 2 bytes", "begins 0, 0 bytes",
                                                "saw 0, 4 bytes", "wire 2 1: 0", "wire 0 0: 2",
                                                "wire 2 1: 3", "wire 2 0: 5", "wire 2 1: 1",
                                                "wire 2 0: 2", "no region 0x1000", "gone"});
  CHECK(scene.seen.kinds() == std::vector{EventKind::write, EventKind::read});
}

TEST_CASE("an interrupt that was on its way when its client left is seen as lost") {
  Scene scene;
  scene.function.interrupts().connect(InterruptKind::msix, 0, os::EventFd::create().value());
  scene.function.interrupts().vector(0).raise();
  scene.function.interrupts().disconnect(InterruptKind::msix);
  REQUIRE(scene.seen.kinds() == std::vector{EventKind::interrupt});
  CHECK(scene.seen.events[0].failed);
}

TEST_CASE("one interrupt is lost on purpose, counted over all vectors") {
  Scene scene;
  const auto faults = std::make_shared<FaultTally>(FaultPlan::parse("drop interrupt 2").value());
  scene.observation.emplace(scene.context, scene.function, std::vector<Observer*>{&scene.seen},
                            faults);
  const auto client = os::create_events(2).value();
  for (const unsigned vector : {0U, 1U, 1U}) {
    scene.function.interrupts().connect(InterruptKind::msix, vector,
                                        client[vector].duplicate().value());
    scene.function.interrupts().vector(vector).raise();
    scene.context.poll();
  }
  CHECK(client[0].drain() == 1);
  CHECK(client[1].drain() == 1);
  CHECK(faults->arrivals(FaultWire::interrupt) == 3);
  CHECK(faults->count(0) == 1);
  REQUIRE(scene.seen.events.size() == 3);
  CHECK(scene.seen.events[1].failed);
  CHECK_FALSE(scene.seen.events[2].failed);
}

TEST_CASE("without an observation everything is as it was, and what it held goes out") {
  Scene scene;
  const auto client = os::EventFd::create().value();
  auto* const tapped = &scene.registers();
  scene.function.interrupts().connect(InterruptKind::msix, 0, client.duplicate().value());
  scene.observation.reset();
  CHECK(&scene.registers() != tapped);
  scene.registers().write(0, 4, 1);
  scene.function.access().reset();
  scene.function.interrupts().connect(InterruptKind::msix, 0, client.duplicate().value());
  scene.function.interrupts().vector(0).raise();
  CHECK(client.drain() == 1);
  CHECK(scene.seen.events.empty());
}
