// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/contracts.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <thread>

#include "vdev/devices/echo.hpp"
#include "vdev/testing/driver.hpp"

namespace bellwire::testing {
namespace {

using namespace std::chrono_literals;

void require(bool held, std::string_view what) {
  if (!held) throw std::runtime_error(std::string(what));
}

// A device on its thread, from its attachment to its end.
struct Life {
  explicit Life(TransportFixture& fixture)
      : leaving{fixture}, running(echo, fixture.attach().value(), fixture.polling) {}

  struct Leaving {
    TransportFixture& fixture;
    ~Leaving() { fixture.detach(); }
  } leaving;
  Echo echo;
  RunningDevice running;
};

DriverEnd end_of(TransportFixture& fixture) {
  return driver_end(fixture.endpoint(), fixture.memory());
}

std::vector<std::byte> message(unsigned number) {
  return bytes(text("request {}", number));
}

void call(Driver& driver, unsigned number) {
  require(driver.call(message(number)).output == message(number), "an answer was wrong");
}

// Submits without waiting, an output behind each input.
void submit(Driver& driver, unsigned number) {
  const auto input = message(number);
  bellwire_request request{};
  request.cookie = number;
  request.input_offset = number % 32 * 128;
  request.output_offset = request.input_offset + 64;
  request.input_length = request.output_length = static_cast<std::uint32_t>(input.size());
  std::ranges::copy(input, &driver.queue().payload()[request.input_offset]);
  require(driver.queue().submit(request), "the ring was full");
}

void take_all(Driver& driver, unsigned first, unsigned end) {
  for (unsigned number = first; number < end; ++number)
    require(driver.wait_for_completion().cookie == number, "a completion was out of order");
  require(!driver.queue().take(), "a request was completed twice");
}

void every_ring_is_answered(TransportFixture& fixture) {
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  for (unsigned number = 0; number < 500; ++number) call(driver, number);
}

void one_ring_stands_for_many(TransportFixture& fixture) {
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned number = 0; number < 32; ++number) submit(driver, number);
  driver.publish();
  take_all(driver, 0, 32);
}

void rings_without_work_are_harmless(TransportFixture& fixture) {
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  for (unsigned number = 0; number < 100; ++number) {
    for (int storm = 0; storm < 100; ++storm) driver.ring();
    call(driver, number);
  }
}

void a_ring_waits_for_its_device(TransportFixture& fixture) {
  Driver driver(end_of(fixture), 0);
  std::this_thread::sleep_for(5ms);
  const Life life(fixture);
  call(driver, 0);
}

void a_masked_interrupt_is_kept(TransportFixture& fixture) {
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned number = 0; number < 50; ++number) {
    auto& msix = fixture.endpoint().msix();
    msix.mask(0);
    while (fixture.endpoint().take(0, 0ms)) continue;  // what came before
    submit(driver, number);
    require(driver.queue().may_sleep(), "a completion came before its request");
    driver.publish();
    while (!driver.queue().take()) std::this_thread::yield();
    require(!fixture.endpoint().take(0, 1ms), "a masked vector came through");
    msix.unmask(0).value();
    require(fixture.endpoint().take(0, patience), "the interrupt of a masked vector was lost");
  }
}

void masks_in_traffic_lose_nothing(TransportFixture& fixture) {
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned number = 0; number < 300; ++number) {
    submit(driver, number);
    driver.publish();
    fixture.endpoint().msix().mask(0);
    fixture.endpoint().msix().unmask(0).value();
    take_all(driver, number, number + 1);
  }
}

void an_aimed_vector_arrives(TransportFixture& fixture) {
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned number = 0; number < 50; ++number) {
    fixture.endpoint().msix().aim(0, static_cast<std::uint8_t>(0x60 + number)).value();
    call(driver, number);
  }
}

void vectors_are_apart(TransportFixture& fixture) {
  auto wires = fixture.attach().value();
  for (unsigned raised = 0; raised < wires.interrupts.size(); ++raised) {
    wires.interrupts[raised].raise();
    for (unsigned index = 0; index < wires.interrupts.size(); ++index)
      require(fixture.endpoint().take(index, index == raised ? 5000ms : 1ms) == (index == raised),
              text("vector {} was raised, {} answered otherwise", raised, index));
  }
  fixture.detach();
}

void doorbells_are_apart(TransportFixture& fixture) {
  auto wires = fixture.attach().value();
  for (unsigned rung = 0; rung < wires.doorbells.size(); ++rung) {
    for (int times = 0; times < 3; ++times) fixture.endpoint().ring(rung);
    for (unsigned index = 0; index < wires.doorbells.size(); ++index)
      require(wires.doorbells[index].drain().value_or(0) == (index == rung ? 3 : 0),
              text("doorbell {} was rung 3 times, {} counted otherwise", rung, index));
  }
  require(!fixture.endpoint().ring(static_cast<unsigned>(wires.doorbells.size())),
          "a doorbell that isn't there took a ring");
  fixture.detach();
}

void a_storm_ends(TransportFixture& fixture) {
  auto wires = fixture.attach().value();
  for (int raised = 0; raised < 10'000; ++raised) wires.interrupts[0].raise();
  require(fixture.endpoint().take(0, patience), "10,000 interrupts were lost");
  while (fixture.endpoint().take(0, 5ms)) continue;
  wires.interrupts[0].raise();
  require(fixture.endpoint().take(0, patience), "an interrupt after a storm was lost");
  fixture.detach();
}

void late_vectors_bind(TransportFixture& fixture) {
  fixture.endpoint().msix().mask(0);
  const Life life(fixture);
  Driver driver(end_of(fixture), 0);
  while (!driver.queue().ready()) std::this_thread::yield();
  fixture.endpoint().msix().unmask(0).value();
  require(fixture.endpoint().take(0, patience), "an interrupt from before the binding was lost");
  call(driver, 0);
}

void a_new_life_goes_on(TransportFixture& fixture) {
  std::optional<Life> life(std::in_place, fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  unsigned submitted = 0;
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned count = 0; count < 16; ++count) submit(driver, submitted++);
    driver.publish();
    life.reset();
    life.emplace(fixture);
    take_all(driver, submitted - 16, submitted);
  }
}

void requests_wait_for_a_start(TransportFixture& fixture) {
  std::optional<Life> life(std::in_place, fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned round = 0; round < 10; ++round) {
    life.reset();
    submit(driver, round);
    driver.publish();
    std::this_thread::sleep_for(1ms);
    require(!driver.queue().take(), "nobody was there, and a request was completed");
    life.emplace(fixture);
    take_all(driver, round, round + 1);
  }
}

void a_new_driver_begins_anew(TransportFixture& fixture) {
  const Life life(fixture);
  for (unsigned generation = 0; generation < 20; ++generation) {
    Driver driver(end_of(fixture), 0);
    call(driver, generation);
    submit(driver, generation + 1);
    driver.publish();  // and nobody takes the answer
  }
}

constexpr Contract table[] = {
    {"every ring is answered", 1, every_ring_is_answered},
    {"one ring stands for many requests", 1, one_ring_stands_for_many},
    {"rings without work are harmless", 1, rings_without_work_are_harmless},
    {"a ring waits for its device", 1, a_ring_waits_for_its_device},
    {"the interrupt of a masked vector is kept", 1, a_masked_interrupt_is_kept},
    {"masking in traffic loses nothing", 1, masks_in_traffic_lose_nothing},
    {"a vector that is aimed elsewhere arrives", 1, an_aimed_vector_arrives},
    {"vectors are apart", 4, vectors_are_apart},
    {"doorbells are apart", 4, doorbells_are_apart},
    {"a storm of interrupts ends, and loses none after it", 1, a_storm_ends},
    {"interrupts wait for a vector that binds late", 1, late_vectors_bind},
    {"a device's next life goes on where the last one stopped", 1, a_new_life_goes_on},
    {"requests wait for a device that starts", 1, requests_wait_for_a_start},
    {"a driver that comes anew begins anew", 1, a_new_driver_begins_anew},
};

}  // namespace

std::span<const Contract> contracts() noexcept {
  return table;
}

}  // namespace bellwire::testing
