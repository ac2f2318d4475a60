// SPDX-License-Identifier: BSD-3-Clause
//
// What others see of a virtio device's queues, in both layouts.
#include "vdev/virtio/watch.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"
#include "vdev/trace/recorder.hpp"
#include "vdev/trace/timeline.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using namespace bellwire::testing;

namespace {

struct Watched {
  explicit Watched(bool packed, unsigned others = 0)
      : watch(std::make_shared<Watch>(Watch::create("holder", 2 + others, 64).value())),
        guest(device, {.packed = packed,
                       .event_index = false,
                       .options = {.watch = watch, .first_queue = others}}) {
    guest.start_all();
    guest.run();  // what is there at the start is served without a kick
  }
  [[nodiscard]] const bellwire_queue_control& words(unsigned index) const {
    return *watch->layout().queue(index).control;
  }
  [[nodiscard]] std::uint32_t under_way(unsigned index) const {
    return words(index).submit.submitted - words(index).complete.completed;
  }
  void submit(std::uint64_t count) {
    const auto all = device.handled + count;
    while (count-- > 0) guest.submit(0, count);
    REQUIRE(guest.run_until([&] { return device.handled == all; }));
  }

  HoldingDevice device;
  std::shared_ptr<Watch> watch;
  VirtioGuest guest;
};

}  // namespace

TEST_CASE_TEMPLATE("a queue's words say what is under way, and what has happened", Layout, Split,
                   Packed) {
  Watched watched(Layout::packed);
  watched.submit(3);
  CHECK(watched.words(0).status.generation % 2 == 1);
  CHECK(watched.under_way(0) == 3);
  CHECK(watched.under_way(1) == 0);
  CHECK(watched.words(0).status.doorbells >= 1);
  CHECK(watched.words(0).status.wakeups >= 1);
  CHECK(watched.words(0).status.raises == 0);
  watched.device.complete_last();
  CHECK(watched.guest.wait_used(0).written == 1);
  CHECK(watched.under_way(0) == 2);
  CHECK(watched.words(0).status.raises == 1);
  const auto generation = watched.words(0).status.generation;
  watched.device.complete_first();
  watched.device.complete_first();
  const auto position = watched.guest.stop(0);
  CHECK(watched.words(0).status.generation % 2 == 0);
  watched.guest.start(0, position);
  CHECK(watched.words(0).status.generation % 2 == 1);
  CHECK(watched.words(0).status.generation != generation);
  CHECK(watched.words(0).submit.submitted == 0);
  CHECK(watched.words(0).status.raises == 0);
}

TEST_CASE("a device of several places has its queues behind those of the others") {
  Watched watched(false, 4);
  watched.submit(1);
  CHECK(watched.under_way(4) == 1);
  CHECK(watched.words(0).status.generation == 0);
  watched.device.complete_first();
}

TEST_CASE_TEMPLATE("requests that are completed in another order are recorded by their number",
                   Layout, Split, Packed) {
  Watched watched(Layout::packed);
  trace::Recorder recorder(BELLWIRE_HOST_RECORDS);
  recorder.watch(0, watched.watch->layout().queue(0));
  watched.submit(3);
  watched.device.complete_last();
  (void)watched.guest.wait_used(0);
  watched.device.complete_first();
  (void)watched.guest.wait_used(0);
  watched.device.complete_first();
  (void)watched.guest.wait_used(0);
  const auto timeline = trace::make_timeline(recorder.stop(), trace::Clocks::one);
  REQUIRE(timeline.journeys.size() == 3);
  for (const auto& journey : timeline.journeys) {
    CHECK_FALSE(journey.at[BELLWIRE_SUBMITTED].has_value());
    double last = 0;
    for (const auto stage : {BELLWIRE_WOKEN, BELLWIRE_TAKEN, BELLWIRE_POSTED, BELLWIRE_RAISED}) {
      CAPTURE(stage);
      REQUIRE(journey.at[stage].has_value());
      CHECK(*journey.at[stage] >= last);
      last = *journey.at[stage];
    }
  }
  const auto posted = [&](std::size_t index) {
    return *timeline.journeys[index].at[BELLWIRE_POSTED];
  };
  CHECK(posted(2) < posted(0));
  CHECK(posted(0) < posted(1));
  CHECK(timeline.left_out.empty());
  CHECK(timeline.interrupts.size() == 3);
}

TEST_CASE("a request that nobody is interrupted for has no interrupt") {
  Watched watched(false);
  trace::Recorder recorder(BELLWIRE_HOST_RECORDS);
  recorder.watch(0, watched.watch->layout().queue(0));
  watched.guest.queues[0].driver.disable_calls();
  watched.submit(2);
  watched.device.complete_first();
  (void)watched.guest.wait_used(0);
  REQUIRE(watched.guest.queues[0].driver.enable_calls());
  watched.device.complete_first();
  (void)watched.guest.wait_used(0);
  const auto timeline = trace::make_timeline(recorder.stop(), trace::Clocks::one);
  REQUIRE(timeline.journeys.size() == 2);
  CHECK(timeline.journeys[0].at[BELLWIRE_POSTED].has_value());
  CHECK_FALSE(timeline.journeys[0].at[BELLWIRE_RAISED].has_value());
  CHECK(timeline.journeys[1].at[BELLWIRE_RAISED].has_value());
}

TEST_CASE("a broken queue is shown as broken until it is started again") {
  Watched watched(false);
  watched.submit(1);
  watched.device.complete_first();
  (void)watched.guest.wait_used(0);
  const auto& layout = watched.guest.queues[0].layout;
  const auto available = watched.guest.memory.bytes(layout.driver_area, 4);
  available[3] = std::byte{0x55};  // the driver's index, far ahead
  watched.guest.queues[0].kick.ring();
  CHECK(
      watched.guest.run_until([&] { return watched.words(0).status.status != BELLWIRE_QUEUE_OK; }));
  const auto position = watched.guest.stop(0);
  watched.guest.start(0, position);
  CHECK(watched.words(0).status.status == BELLWIRE_QUEUE_OK);
}

TEST_CASE("more queues than a layout has can't be watched") {
  CHECK(Watch::create("wide", BELLWIRE_MAX_QUEUES, 1024).has_value());
  const auto refused = Watch::create("wide", BELLWIRE_MAX_QUEUES + 1, 64);
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == std::errc::invalid_argument);
  CHECK(refused.error().message == "wide has 33 queues here, of which 32 can be watched");
}
