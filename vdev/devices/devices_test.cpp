// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cstring>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/catalog.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using namespace bellwire::testing;

TEST_CASE("echo gives back what it gets") {
  const auto wires = Wires::create(1);
  Echo echo;
  const RunningDevice running(echo, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  const auto answer = driver.call(bytes("hello, device"));
  CHECK(answer.completion.status == BELLWIRE_DONE);
  CHECK(answer.output == bytes("hello, device"));
}

TEST_CASE("echo writes no further than the output goes") {
  const auto wires = Wires::create(1);
  Echo echo;
  const RunningDevice running(echo, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  driver.wait_until_served();
  std::memcpy(driver.queue().payload().data(), "abcdefgh________", 16);
  bellwire_request request{};
  request.input_length = 8;
  request.output_offset = 8;
  request.output_length = 3;
  CHECK(driver.call(request).length == 3);
  CHECK(std::memcmp(driver.queue().payload().data(), "abcdefghabc_____", 16) == 0);
}

// RFC 3720, B.4
TEST_CASE("digest answers with the CRC-32C of the RFC") {
  CHECK(crc32c(std::vector<std::byte>(32)) == 0x8A9136AA);
  CHECK(crc32c(std::vector<std::byte>(32, std::byte{0xff})) == 0x62A8AB43);
  CHECK(crc32c(bytes("123456789")) == 0xE3069283);

  const auto wires = Wires::create(1);
  Digest digest;
  const RunningDevice running(digest, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  CHECK(driver.call(bytes("123456789")).completion.result == 0xE3069283);
}

TEST_CASE("queues of one device are apart") {
  const auto wires = Wires::create(4);
  Echo echo;
  const RunningDevice running(echo, wires.device_end());
  std::vector<Driver> drivers;
  for (unsigned queue = 0; queue < 4; ++queue) drivers.emplace_back(wires.guest_end(), queue);
  for (unsigned queue = 0; queue < 4; ++queue) {
    const auto text = bytes("queue " + std::to_string(queue));
    CHECK(drivers[queue].call(text).output == text);
  }
  ring::store(drivers[2].control().submit.submitted, 1U << 31, std::memory_order_seq_cst);
  drivers[2].ring();
  while (drivers[2].queue().status() == BELLWIRE_QUEUE_OK) REQUIRE(drivers[2].wait_for_interrupt());
  CHECK(drivers[2].queue().status() == BELLWIRE_QUEUE_BAD_SUBMITTED);
  CHECK(drivers[3].call(bytes("still here")).output == bytes("still here"));
}

TEST_CASE("a device publishes its kind and its state, and counts its starts") {
  const auto wires = Wires::create(1);
  for (std::uint32_t life = 1; life <= 3; ++life) {
    Echo echo;
    REQUIRE(echo.start(wires.device_end()).has_value());
    const auto layout = ring::Layout::open(wires.device_end().memory).value();
    CHECK(std::string(layout.device_line().kind) == "echo");
    CHECK(layout.device_line().incarnation == life);
    CHECK(layout.device_line().state == BELLWIRE_DEVICE_RUNNING);
    const auto beat = layout.device_line().beat;
    echo.on_tick();
    CHECK(layout.device_line().beat == beat + 1);
    echo.stop();
    echo.stop();
    CHECK(layout.device_line().state == BELLWIRE_DEVICE_STOPPED);
  }
}

// What a request waits for, and what the device counts of it when it is over.
std::uint32_t lost(Driver& driver, bellwire_hop hop) {
  return ring::load(driver.control().status.lost[hop], ring::acquire);
}

TEST_CASE("a request that no doorbell announced is served, and the doorbell counted as lost") {
  const auto wires = Wires::create(2);
  Echo echo;
  const RunningDevice running(echo, wires.device_end());
  Driver driver(wires.guest_end(), 0, Driver::Looks::never), neighbour(wires.guest_end(), 1);
  driver.wait_until_served();
  const auto end = std::chrono::steady_clock::now() + patience;
  while (ring::load(driver.control().status.doorbells, ring::acquire) == 0)  // the claim's
    REQUIRE(std::chrono::steady_clock::now() < end);
  neighbour.call(bytes("so the first queue's turn is over, and it asks for a ring"));
  REQUIRE(driver.queue().submit({}));
  REQUIRE(driver.queue().may_sleep());
  REQUIRE(driver.queue().publish());
  driver.module_queue().note_ring();
  neighbour.call(bytes("it ticks, and looks around"));
  CHECK(driver.wait_for_completion().status == BELLWIRE_DONE);
  CHECK(lost(driver, BELLWIRE_HOP_DOORBELL) == 0);
  driver.call(bytes("it goes on, so it was not paused"));
  while (lost(driver, BELLWIRE_HOP_DOORBELL) == 0)  // by the next tick, at the latest
    REQUIRE(std::chrono::steady_clock::now() < end);
  CHECK(lost(driver, BELLWIRE_HOP_DOORBELL) == 1);
  CHECK(lost(neighbour, BELLWIRE_HOP_DOORBELL) == 0);
}

TEST_CASE("an interrupt that was lost is raised again") {
  const auto wires = Wires::create(1);
  Echo echo;
  const RunningDevice running(echo, wires.device_end());
  Driver driver(wires.guest_end(), 0, Driver::Looks::never);
  driver.call(bytes("the claim is over"));
  REQUIRE(driver.queue().submit({}));
  REQUIRE(driver.queue().may_sleep());
  driver.publish();
  auto end = driver_end(wires.guest_end());
  REQUIRE(end.take(0, patience));  // on the wire, where it is lost
  CHECK(driver.wait_for_completion().status == BELLWIRE_DONE);
  CHECK(driver.call(bytes("it goes on")).completion.status == BELLWIRE_DONE);
}

TEST_CASE("a device refuses memory that asks for wires it has not got") {
  const auto wires = Wires::create(2);
  ring::format(wires.device_end().memory.bytes(), 3).value();
  Echo echo;
  const auto started = echo.start(wires.device_end());
  REQUIRE(started.has_error());
  CHECK(started.error().message.find("3 queues") != std::string::npos);
}

TEST_CASE("the catalog has each name once, and makes every ring device and PCI function") {
  boost::asio::io_context context;
  for (const auto& entry : catalog()) {
    CHECK(find_device(name_of(entry)) == &entry);
    if (const auto* const ring = std::get_if<RingEntry>(&entry))
      CHECK(ring->create(context)->traits().kind == ring->name);
    if (const auto* const function = std::get_if<FunctionEntry>(&entry))
      CHECK(function->create(context) != nullptr);
  }
  CHECK(find_device("toaster") == nullptr);
}

TEST_CASE("a ring device of the catalog is made for virtqueues, and a virtio device as it is") {
  boost::asio::io_context context;
  const auto& echo = std::get<RingEntry>(*find_device("echo"));
  CHECK(echo.on_virtqueues->create(context, {.queues = 2}).value().front()->traits().queues == 2);
  CHECK(echo.on_virtqueues->create(context, {.queues = 33}).has_error());
  const auto& rng = std::get<VirtioEntry>(*find_device("rng"));
  CHECK(rng.create(context, {}).value().front()->traits().kind == "rng");
}

namespace {

// Neither a RequestDevice nor of the catalog.
class Raw final : public Device {
 public:
  explicit Raw(boost::asio::io_context& context) : context_(context) {}
  [[nodiscard]] boost::asio::io_context& context() const { return context_; }
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "raw"}; }
  [[nodiscard]] Result<void> start(Attachment) override { return {}; }
  Turn on_doorbell(unsigned, std::uint64_t) noexcept override { return Turn::done; }
  void stop() noexcept override {}

 private:
  boost::asio::io_context& context_;
};

}  // namespace

TEST_CASE("an entry makes its device with the context, if the device takes it") {
  boost::asio::io_context context;
  const auto entry = ring_device<Raw>("raw", "does nothing");
  const auto device = entry.create(context);
  CHECK(&dynamic_cast<Raw&>(*device).context() == &context);
  CHECK_FALSE(entry.on_virtqueues);
  CHECK_FALSE(entry.right);
}
