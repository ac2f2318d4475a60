// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/kvm/kvm_transport.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/machine/kvm/monitor.h"
#include "vdev/ring/layout.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using kvm::KvmTransport;

namespace {

// Null, and a message that says why, where KVM can't be used.
std::unique_ptr<KvmTransport> transport(boost::asio::io_context& context,
                                        const kvm::KvmOptions& options = {}) {
  auto made = KvmTransport::create(context, options);
  if (made) return std::move(*made);
  MESSAGE("skipped: " << made.error().message);
  return nullptr;
}

// What a guest that runs another program comes to.
std::string outcome(const std::byte* program) {
  boost::asio::io_context context{1};
  const auto kvm = transport(context, {.program = program});
  if (!kvm) return "skipped";
  return kvm->guest()->run({}).error().message;
}

std::vector<std::byte> changed_guest(std::initializer_list<unsigned> code) {
  std::vector<std::byte> program(bellwire_ring_guest, bellwire_ring_guest + GUEST_SIZE);
  std::ranges::transform(code, program.begin(), [](unsigned byte) { return std::byte(byte); });
  return program;
}

// Has one register, and is slow.
class Slow final : public RequestDevice, public RegisterBlock {
 public:
  DeviceTraits traits() const noexcept override { return {.kind = "slow"}; }
  RegisterBlock* registers() noexcept override { return this; }
  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
    asked = offset == 0 && size == 8 ? std::this_thread::get_id() : std::thread::id();
    return 1;
  }
  void write(std::uint64_t, unsigned, std::uint64_t) noexcept override {}
  std::thread::id asked;

 private:
  ring::Reply serve(const ring::Request&) noexcept override {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {};
  }
};

}  // namespace

TEST_CASE("a guest's requests are answered, whatever their depth, and no doorbell is an exit") {
  for (const unsigned depth : {1U, 7U, 256U}) {
    boost::asio::io_context context{1};
    const auto kvm = transport(context);
    if (!kvm) return;
    Digest digest;
    const testing::RunningDevice running(digest, kvm->attach(nullptr).value());
    const auto report = kvm->guest()->run({.requests = 2000, .depth = depth}).value();
    CHECK(report.exchanges.size() == 2000);
    CHECK(report.unexpected == 0);
    CHECK(report.doorbell_exits == 0);
    CHECK(report.register_exits == 3);
    CHECK(report.doorbells >= 1);
    for (const auto& exchange : report.exchanges) {
      REQUIRE(exchange.answered);
      REQUIRE(exchange.result == crc32c(exchange.input));
      REQUIRE(exchange.ns > 0);
    }
  }
}

TEST_CASE("the guest may run again: another generation of the same ring") {
  boost::asio::io_context context{1};
  const auto kvm = transport(context);
  if (!kvm) return;
  Echo echo;
  const testing::RunningDevice running(echo, kvm->attach(nullptr).value());
  for (int round = 0; round < 3; ++round)
    for (const auto& exchange : kvm->guest()->run({.requests = 300, .depth = 4}).value().exchanges)
      REQUIRE(exchange.output == exchange.input);
}

TEST_CASE("a slow device's guest sleeps; registers are read on the device's own thread") {
  boost::asio::io_context context{1};
  const auto kvm = transport(context);
  if (!kvm) return;
  Slow device;
  auto runner = Runner::start(context, device, kvm->attach(device.registers()).value());
  REQUIRE(runner.has_value());
  std::thread thread([&] { context.run(); });
  const auto id = thread.get_id();
  const auto report = kvm->guest()->run({.requests = 100}).value();
  context.stop();
  thread.join();
  CHECK(device.asked == id);
  CHECK(report.interrupts >= 1);
  CHECK(report.exchanges.back().answered);
}

TEST_CASE("a guest whose device never answers ends by stop()") {
  boost::asio::io_context context{1};
  const auto kvm = transport(context);
  if (!kvm) return;
  std::thread stopper([&] { kvm->guest()->stop(); });
  const auto report = kvm->guest()->run({});
  stopper.join();
  REQUIRE(report.has_error());
  CHECK(report.error().code == std::errc::operation_canceled);
}

TEST_CASE("a guest that spins ends by stop()") {
  const auto program = changed_guest({0xeb, 0xfe});  // jmp to itself
  boost::asio::io_context context{1};
  const auto kvm = transport(context, {.program = program.data()});
  if (!kvm) return;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    kvm->guest()->stop();
  });
  const auto report = kvm->guest()->run({});
  stopper.join();
  REQUIRE(report.has_error());
  CHECK(report.error().code == std::errc::operation_canceled);
}

TEST_CASE("a guest that goes astray is an error that says how") {
  boost::asio::io_context context{1};
  if (!transport(context)) return;
  const std::vector<std::byte> nothing(GUEST_SIZE);
  CHECK(outcome(nothing.data()) == "the guest stopped unexpectedly: triple fault");
  CHECK(outcome(changed_guest({0x0f, 0x0b}).data()) ==  // ud2
        "the guest stopped unexpectedly: CPU exception 6");
  CHECK(outcome(bellwire_monitor) == "the guest stopped unexpectedly: write of 1 bytes at 0x0");
}

TEST_CASE("a device that breaks the ring is an error, and ends the guest") {
  boost::asio::io_context context{1};
  const auto kvm = transport(context);
  if (!kvm) return;
  const auto wires = kvm->attach(nullptr).value();
  const auto queue = ring::Layout::open(wires.memory).value().queue(0);
  auto& control = *queue.control;
  control.complete.completed = 2;  // of one request
  control.status.generation = 3;   // the guest's first
  const auto report = kvm->guest()->run({.requests = 1});
  REQUIRE(report.has_error());
  CHECK(report.error().message == "the guest found the ring broken");
}

TEST_CASE("plans that are too big are refused") {
  boost::asio::io_context context{1};
  const auto kvm = transport(context);
  if (!kvm) return;
  for (const unsigned requests : {0U, 1'000'001U})
    CHECK(kvm->guest()->run({.requests = requests}).error().code == std::errc::invalid_argument);
}
