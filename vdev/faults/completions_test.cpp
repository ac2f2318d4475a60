// SPDX-License-Identifier: BSD-3-Clause
//
// What goes wrong with completions, on each transport: the driver refuses what can't be right, no
// other queue suffers, and a new generation is served as if nothing had been.
#include "vdev/faults/completions.hpp"

#include <bit>

#include "vdev/devices/echo.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/each_transport.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

struct CompletionScene {
  CompletionScene(TransportFixture& fixture, const std::string& plan)
      : tally(std::make_shared<FaultTally>(FaultPlan::parse(plan).value())),
        running(device, fixture.attach().value(), fixture.polling, tally),
        end(driver_end(fixture.endpoint(), fixture.memory())),
        neighbour(end, 1) {
    driver().wait_until_served();
  }
  // Of the first queue: a new generation, if it is new.
  Driver& driver() {
    if (!driver_) driver_.emplace(end, 0);
    return *driver_;
  }
  void reset() { driver_.reset(); }

  void submit(std::uint64_t cookie) {
    bellwire_request request{};
    request.cookie = cookie;
    REQUIRE(driver().queue().submit(request));
  }
  [[nodiscard]] std::uint64_t next_cookie() { return driver().wait_for_completion().cookie; }

  void wait_until_taken(std::uint32_t requests) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const auto& taken = driver().control().sides[BELLWIRE_DEVICE].last[BELLWIRE_TAKEN];
    while (ring::load(taken, ring::acquire) != requests)
      REQUIRE(std::chrono::steady_clock::now() < deadline);
  }

  // A request is taken before anything is done to its completion.
  void wait_until_injected() {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (tally->count(0) == 0) REQUIRE(std::chrono::steady_clock::now() < deadline);
  }

  // What the fault did concerns one request, or one generation of one queue.
  void check_the_rest() {
    wait_until_injected();
    CHECK(tally->count(0) == 1);
    CHECK(neighbour.call(bytes("neighbour")).output == bytes("neighbour"));
    reset();
    CHECK(driver().call(bytes("again")).output == bytes("again"));
  }

  std::shared_ptr<FaultTally> tally;
  Echo device;
  RunningDevice running;
  DriverEnd end;
  Driver neighbour;

 private:
  std::optional<Driver> driver_;
};

template <class Test>
void with_each_transport(const std::string& plan, const Test& test) {
  on_each_transport(2, [&](TransportFixture& fixture) {
    CompletionScene scene(fixture, plan);
    test(scene);
    scene.check_the_rest();
  });
}

unsigned different_bits(std::span<const std::byte> one, std::span<const std::byte> other) {
  unsigned bits = 0;
  for (std::size_t at = 0; at < one.size(); ++at)
    bits +=
        static_cast<unsigned>(std::popcount(std::to_integer<std::uint8_t>(one[at] ^ other[at])));
  return bits;
}

}  // namespace

TEST_CASE("a corrupted completion differs in one bit of its output") {
  with_each_transport("corrupt completion 1", [](CompletionScene& scene) {
    const auto sent = bytes("as it was sent");
    const auto answer = scene.driver().call(sent);
    CHECK(answer.completion.status == BELLWIRE_DONE);
    REQUIRE(answer.output.size() == sent.size());
    CHECK(different_bits(answer.output, sent) == 1);
    CHECK(scene.driver().call(sent).output == sent);
  });
}

TEST_CASE("a completion in the wrong place has the next one's cookie") {
  with_each_transport("misroute completion 1", [](CompletionScene& scene) {
    for (const auto cookie : {7U, 8U}) {
      scene.submit(cookie);
      scene.driver().publish();
      CHECK(scene.next_cookie() == 8);
    }
  });
}

TEST_CASE("a completion that comes twice is refused, if no request is left for it to answer") {
  with_each_transport("double completion 1", [](CompletionScene& scene) {
    scene.submit(7);
    scene.driver().publish();
    auto& queue = scene.driver().queue();
    while (!queue.has_completion()) REQUIRE(scene.driver().wait_for_interrupt());
    CHECK_FALSE(queue.take().has_value());
    CHECK(queue.device_broken());
  });
}

TEST_CASE("a completion that comes twice is another request's") {
  with_each_transport("double completion 1", [](CompletionScene& scene) {
    scene.submit(7);
    scene.submit(8);
    scene.driver().publish();
    CHECK(scene.next_cookie() == 7);
    CHECK(scene.next_cookie() == 7);
    scene.submit(9);
    scene.driver().publish();
    CHECK(scene.next_cookie() == 9);
  });
}

TEST_CASE("what is never completed is shown as taken, and holds back what follows it") {
  with_each_transport("drop completion 1", [](CompletionScene& scene) {
    for (const auto cookie : {7U, 8U}) {
      scene.submit(cookie);
      CHECK(scene.driver().queue().may_sleep());
      scene.driver().publish();
    }
    scene.wait_until_taken(2);
    CHECK_FALSE(scene.driver().queue().has_completion());
    const auto hang = ring::find_hang(scene.driver().raw_queue());
    REQUIRE(hang.has_value());
    CHECK(hang->request == 0);
    CHECK(hang->last == BELLWIRE_TAKEN);
  });
}

TEST_CASE("a completion that is late comes") {
  with_each_transport("stall completion 1 1ms..2ms", [](CompletionScene& scene) {
    CHECK(scene.driver().call(bytes("late")).output == bytes("late"));
  });
}

TEST_CASE("whatever word of the ring is scrambled, a new generation is served") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    const auto plan = text("scramble completion 1; seed {}", seed);
    CAPTURE(plan);
    const auto fixture = make_in_process_fixture(2, machine::SoftMachine::create).value();
    CompletionScene scene(*fixture, plan);
    scene.submit(7);
    scene.driver().publish();
    scene.wait_until_injected();
    scene.neighbour.call(bytes("so the device has published it"));
    const auto completion = scene.driver().queue().take();
    CHECK((completion || scene.driver().queue().device_broken()));
    scene.check_the_rest();
  }
}
