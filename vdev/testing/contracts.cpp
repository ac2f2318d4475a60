// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/contracts.hpp"

#include <set>
#include <thread>

#include "vdev/testing/process.hpp"

namespace bellwire::testing {
namespace {

using namespace std::chrono_literals;

// A device from its start to its end.
struct Life {
  explicit Life(Rig& on) : rig(on) { rig.start_device(); }
  Life(const Life&) = delete;
  ~Life() { rig.stop_device(); }
  Rig& rig;
};

// Each of them once, and nothing else.
void take_all(RequestDriver& driver, unsigned first, unsigned end) {
  std::set<unsigned> awaited;
  for (unsigned number = first; number < end; ++number) awaited.insert(number);
  while (!awaited.empty())
    require(awaited.erase(driver.wait_for_completion()) == 1,
            "a request was completed twice, or never submitted");
  require(!driver.take(), "a request was completed twice");
}

void every_ring_is_answered(Rig& rig) {
  const Life life(rig);
  const auto driver = rig.driver(0);
  for (unsigned number = 0; number < 100; ++number) driver->call(number);
}

void one_ring_stands_for_many(Rig& rig) {
  const Life life(rig);
  const auto driver = rig.driver(0);
  driver->wait_until_served();
  for (unsigned number = 0; number < most_in_flight; ++number) driver->submit(number);
  driver->publish();
  take_all(*driver, 0, most_in_flight);
}

void rings_without_work_are_harmless(Rig& rig) {
  const Life life(rig);
  const auto driver = rig.driver(0);
  for (unsigned number = 0; number < 50; ++number) {
    for (int storm = 0; storm < 50; ++storm) driver->ring();
    driver->call(number);
  }
}

void a_ring_waits_for_its_device(Rig& rig) {
  const auto driver = rig.driver(0);
  driver->ring();
  std::this_thread::sleep_for(5ms);
  const Life life(rig);
  driver->call(0);
}

void a_masked_interrupt_is_kept(Rig& rig) {
  const Life life(rig);
  const auto driver = rig.driver(0);
  driver->wait_until_served();
  for (unsigned number = 0; number < 50; ++number) {
    auto& msix = rig.endpoint().msix();
    msix.mask(0);
    while (rig.endpoint().take(0, 0ms)) continue;  // what came before
    driver->submit(number);
    require(driver->may_sleep(), "a completion came before its request");
    driver->publish();
    while (!driver->take()) std::this_thread::yield();
    require(!rig.endpoint().take(0, 1ms), "a masked vector came through");
    msix.unmask(0).value();
    require(rig.endpoint().take(0, patience), "the interrupt of a masked vector was lost");
  }
}

void masks_in_traffic_lose_nothing(Rig& rig) {
  const Life life(rig);
  const auto driver = rig.driver(0);
  driver->wait_until_served();
  for (unsigned number = 0; number < 100; ++number) {
    driver->submit(number);
    driver->publish();
    rig.endpoint().msix().mask(0);
    rig.endpoint().msix().unmask(0).value();
    take_all(*driver, number, number + 1);
  }
}

void an_aimed_vector_arrives(Rig& rig) {
  const Life life(rig);
  const auto driver = rig.driver(0);
  for (unsigned number = 0; number < 50; ++number) {
    rig.endpoint().msix().aim(0, static_cast<std::uint8_t>(0x60 + number)).value();
    driver->call(number);
  }
}

void late_vectors_bind(Rig& rig) {
  rig.endpoint().msix().mask(0);
  const Life life(rig);
  const auto driver = rig.driver(0);
  while (!driver->served()) std::this_thread::yield();
  driver->submit(0);
  const bool sleeps = driver->may_sleep();
  driver->publish();
  while (!driver->take()) std::this_thread::yield();
  rig.endpoint().msix().unmask(0).value();
  require(sleeps && rig.endpoint().take(0, patience),
          "an interrupt from before the binding was lost");
  driver->call(1);
}

void queues_are_apart(Rig& rig) {
  const Life life(rig);
  std::vector<std::unique_ptr<RequestDriver>> drivers;
  for (unsigned queue = 0; queue < 4; ++queue) drivers.push_back(rig.driver(queue));
  for (const auto& driver : drivers) driver->wait_until_served();
  for (unsigned round = 0; round < 50; ++round) {
    for (unsigned queue = 0; queue < 4; ++queue) drivers[queue]->submit(4 * round + queue);
    for (const auto& driver : drivers) driver->publish();
    for (unsigned queue = 0; queue < 4; ++queue)
      take_all(*drivers[queue], 4 * round + queue, 4 * round + queue + 1);
  }
}

void a_new_life_goes_on(Rig& rig) {
  std::optional<Life> life(std::in_place, rig);
  const auto driver = rig.driver(0);
  driver->wait_until_served();
  unsigned submitted = 0;
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned count = 0; count < 16; ++count) driver->submit(submitted++);
    driver->publish();
    life.reset();
    life.emplace(rig);
    take_all(*driver, submitted - 16, submitted);
  }
}

void requests_wait_for_a_start(Rig& rig) {
  std::optional<Life> life(std::in_place, rig);
  const auto driver = rig.driver(0);
  driver->wait_until_served();
  for (unsigned round = 0; round < 10; ++round) {
    life.reset();
    driver->submit(round);
    driver->publish();
    std::this_thread::sleep_for(1ms);
    require(!driver->take(), "nobody was there, and a request was completed");
    life.emplace(rig);
    take_all(*driver, round, round + 1);
  }
}

void a_new_driver_begins_anew(Rig& rig) {
  const Life life(rig);
  for (unsigned generation = 0; generation < 20; ++generation) {
    const auto driver = rig.driver(0);
    driver->call(generation);
    driver->submit(generation + 1);
    driver->publish();  // and nobody takes the answer
    rig.replace_drivers();
  }
}

void a_broken_queue_stops_alone(Rig& rig) {
  const Life life(rig);
  for (unsigned round = 0; round < 5; ++round) {
    const auto broken = rig.driver(0), other = rig.driver(1);
    broken->call(0);
    other->call(0);
    broken->break_queue();
    for (unsigned number = 1; number < 20; ++number) other->call(number);
    rig.replace_drivers();
  }
  rig.driver(0)->call(0);
}

constexpr Contract table[] = {
    {"every ring is answered", 1, every_ring_is_answered},
    {"one ring stands for many requests", 1, one_ring_stands_for_many},
    {"rings without work are harmless", 1, rings_without_work_are_harmless},
    {"a ring waits for its device", 1, a_ring_waits_for_its_device, Needs::wires_before_device},
    {"the interrupt of a masked vector is kept", 1, a_masked_interrupt_is_kept},
    {"masking in traffic loses nothing", 1, masks_in_traffic_lose_nothing},
    {"a vector that is aimed elsewhere arrives", 1, an_aimed_vector_arrives},
    {"interrupts wait for a vector that binds late", 1, late_vectors_bind},
    {"queues are apart", 4, queues_are_apart},
    {"a device's next life goes on where the last one stopped", 1, a_new_life_goes_on,
     Needs::lasting_requests},
    {"requests wait for a device that starts", 1, requests_wait_for_a_start,
     Needs::lasting_requests},
    {"a driver that comes anew begins anew", 1, a_new_driver_begins_anew},
    {"a broken queue stops alone, until a driver comes anew", 2, a_broken_queue_stops_alone},
};

}  // namespace

std::span<const Contract> contracts() noexcept {
  return table;
}

}  // namespace bellwire::testing
