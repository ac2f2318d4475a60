// SPDX-License-Identifier: BSD-3-Clause
//
// Devices are recorded while a driver uses them, and replayed: the same device does the same, one
// that was changed by a line is found out at the first byte.
#include "vdev/replay/ring_replay.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "vdev/devices/delay.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/faults/completions.hpp"
#include "vdev/replay/ring_journal.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using namespace bellwire::replay;

namespace {

// One line different: the sixth byte of the request with cookie 50.
class ChangedEcho final : public RequestDevice {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override { return Echo().traits(); }

 private:
  ring::Reply serve(const ring::Request& request) noexcept override {
    const auto reply = echo(request);
    if (request.cookie == 50) request.output[5] ^= std::byte{0x20};
    return reply;
  }
};

// Counts: its answer depends on all requests before.
class Counter final : public RequestDevice {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override {
    return {.kind = "counter", .doorbells = 4, .interrupts = 4};
  }

 private:
  ring::Reply serve(const ring::Request& request) noexcept override {
    return {.result = count_ += request.operation};
  }
  std::uint64_t count_ = 0;
};

/// A device's memory, and the journal of what happens there.
struct Recorded {
  TemporaryFolder folder;
  std::string path = folder.file("journal");
  std::unique_ptr<JournalWriter> writer =
      JournalWriter::create(path, {}, JournalWriter::usual_limit).value();
  Wires wires = Wires::create(2);

  Attachment device_end() {
    auto attachment = wires.device_end();
    REQUIRE(ring::settle_format(attachment, 2).has_value());
    attachment.tap = std::make_shared<RingJournal>(*writer, attachment.format.value());
    return attachment;
  }
  Attachment device_end_with_fault(std::string_view plan) {
    auto attachment = device_end();
    attachment.completions = std::make_shared<CompletionFaults>(
        std::make_shared<FaultTally>(FaultPlan::parse(plan).value()));
    return attachment;
  }
  void finish() { REQUIRE(writer->finish().has_value()); }
};

struct Outcome {
  Compared compared;
  std::optional<Difference> difference;
  std::string summary;
};
Outcome replay_to(Device& device, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  auto reader = JournalReader::create(in, path).value();
  boost::asio::io_context context(1);
  RingPlayer player(context, device);
  while (const auto entry = reader.next().value()) {
    CHECK_FALSE(player.describe(*entry).empty());
    if (const auto difference = player.play(*entry).value())
      return {player.compared(), difference, player.summary()};
  }
  return {player.compared(), std::nullopt, player.summary()};
}

// `count` requests of 32 bytes at most, `depth` at a time.
void exchange(Driver& driver, std::uint32_t count, std::uint32_t depth, std::uint32_t time = 0) {
  std::uint32_t taken = 0;
  for (std::uint32_t number = 0; number < count; ++number) {
    const auto place = number % depth * 64;
    bellwire_request request{};
    request.cookie = number;
    request.operation = time;
    request.input_offset = place;
    request.output_offset = place + 32;
    request.input_length = request.output_length = 1 + number % 32;
    std::memset(&driver.queue().payload()[place], static_cast<int>(number), 32);
    REQUIRE(driver.queue().submit(request));
    if ((number + 1) % depth != 0) continue;
    driver.publish();
    for (; taken <= number; ++taken) (void)driver.wait_for_completion();
  }
}

void exchange_with(Device& device, Recorded& recorded, std::uint32_t count, std::uint32_t depth,
                   std::uint32_t time = 0) {
  const RunningDevice running(device, recorded.device_end());
  Driver driver(recorded.wires.guest_end(), 0);
  driver.wait_until_served();
  exchange(driver, count, depth, time);
}

}  // namespace

TEST_CASE("the same device does the same, one request at a time and sixteen") {
  for (const auto depth : {1U, 16U}) {
    Recorded recorded;
    Echo device;
    exchange_with(device, recorded, 320, depth);
    recorded.finish();
    Echo again;
    const auto outcome = replay_to(again, recorded.path);
    CHECK_FALSE(outcome.difference.has_value());
    CHECK(outcome.compared.requests == 320);
    CHECK(outcome.compared.answers == 320);
    CHECK(outcome.compared.bytes == 320 / 32 * (32 * 33 / 2));
  }
}

TEST_CASE("a device that was changed by a line is found out at the first byte that differs") {
  Recorded recorded;
  Echo device;
  exchange_with(device, recorded, 100, 4);
  recorded.finish();
  ChangedEcho changed;
  const auto outcome = replay_to(changed, recorded.path);
  REQUIRE(outcome.difference.has_value());
  CHECK(outcome.difference->where == "request 51 (queue 0, index 50, cookie 0x32)");
  CHECK(outcome.difference->what == "byte 5 of its output");
  CHECK(outcome.difference->recorded.find("[32]") != std::string::npos);
  CHECK(outcome.difference->replayed.find("[12]") != std::string::npos);
}

TEST_CASE("a completion that was corrupted on its way is what differs") {
  Recorded recorded;
  Echo device;
  {
    const RunningDevice running(device, recorded.device_end_with_fault("corrupt completion 20"));
    Driver driver(recorded.wires.guest_end(), 0);
    driver.wait_until_served();
    exchange(driver, 30, 1);
  }
  recorded.finish();
  Echo again;
  const auto outcome = replay_to(again, recorded.path);
  REQUIRE(outcome.difference.has_value());
  CHECK(outcome.difference->where.starts_with("request 20 "));
  CHECK(outcome.difference->what.ends_with("of its output"));
}

TEST_CASE("requests that were not completed in the recording are counted") {
  Recorded recorded;
  Echo device;
  {
    const RunningDevice running(device, recorded.device_end_with_fault("drop completion 3"));
    Driver driver(recorded.wires.guest_end(), 0);
    driver.wait_until_served();
    exchange(driver, 2, 1);
    REQUIRE(driver.queue().submit({}));
    driver.publish();
    const auto served = [&] { return ring::find_hang(driver.raw_queue())->last >= BELLWIRE_TAKEN; };
    while (!served()) std::this_thread::yield();
  }
  recorded.finish();
  Echo again;
  const auto outcome = replay_to(again, recorded.path);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers == 2);
  CHECK(outcome.summary.ends_with("(1 not completed in the recording)"));
}

TEST_CASE("requests of two queues come in the order in which they were taken") {
  Recorded recorded;
  Counter device;
  {
    const RunningDevice running(device, recorded.device_end());
    Driver other(recorded.wires.guest_end(), 1);
    other.wait_until_served();
    for (std::uint32_t round = 1; round < 20; ++round) {
      Driver one(recorded.wires.guest_end(), 0);  // each a new generation
      one.wait_until_served();
      exchange(one, round % 3, 1, 1);
      exchange(other, round % 4, 1, 100);
    }
  }
  recorded.finish();
  Counter again;
  const auto outcome = replay_to(again, recorded.path);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers > 40);
}

TEST_CASE("a device that completes its requests later does the same, in the ring's order") {
  Recorded recorded;
  Delay device;
  exchange_with(device, recorded, 128, 16, 200);
  recorded.finish();
  Delay again;
  const auto outcome = replay_to(again, recorded.path);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers == 128);
}

TEST_CASE("a device that is started again goes on where it was, in the replay as well") {
  Recorded recorded;
  Counter device;
  std::optional<RunningDevice> running;
  running.emplace(device, recorded.device_end());
  Driver driver(recorded.wires.guest_end(), 0);
  driver.wait_until_served();
  exchange(driver, 10, 1, 3);
  running.reset();
  running.emplace(device, recorded.device_end());
  exchange(driver, 10, 1, 4);
  running.reset();
  recorded.finish();
  Counter again;
  const auto outcome = replay_to(again, recorded.path);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers == 20);
}

TEST_CASE("a request whose numbers are wrong is refused again") {
  Recorded recorded;
  Echo device;
  {
    const RunningDevice running(device, recorded.device_end());
    Driver driver(recorded.wires.guest_end(), 0);
    driver.wait_until_served();
    bellwire_request request{};
    request.input_offset = ~0U;
    request.input_length = 8;
    CHECK(driver.call(request).status == BELLWIRE_BAD_RANGE);
    exchange(driver, 5, 1);
  }
  recorded.finish();
  Echo again;
  const auto outcome = replay_to(again, recorded.path);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers == 6);
}
