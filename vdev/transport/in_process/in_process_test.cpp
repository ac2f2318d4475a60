// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/in_process/in_process.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using in_process::InProcess;
using namespace std::chrono_literals;

namespace {

// Remembers what was written to each of its 8 registers.
class Scratch final : public Device, public RegisterBlock {
 public:
  DeviceTraits traits() const noexcept override {
    return {.kind = "scratch", .register_size = sizeof words_};
  }
  Result<void> start(Attachment) override { return {}; }
  Turn on_doorbell(unsigned, std::uint64_t) noexcept override { return Turn::done; }
  void stop() noexcept override {}

  RegisterBlock* registers() noexcept override { return this; }
  std::uint64_t read(std::uint64_t offset, unsigned) noexcept override {
    return offset / 8 < words_.size() ? words_[offset / 8] : 0;
  }
  void write(std::uint64_t offset, unsigned, std::uint64_t value) noexcept override {
    if (offset / 8 < words_.size()) words_[offset / 8] = value;
  }

 private:
  std::array<std::uint64_t, 8> words_{};
};

}  // namespace

TEST_CASE("a guest's requests are answered over the software bus, whatever their depth") {
  for (const unsigned depth : {1U, 64U}) {
    boost::asio::io_context context{1};
    const auto transport = InProcess::create(context, {}).value();
    Digest digest;
    const testing::RunningDevice running(digest, transport->attach(nullptr).value());
    const auto report = transport->guest()->run({.requests = 2000, .depth = depth}).value();
    CHECK(report.exchanges.size() == 2000);
    CHECK(report.unexpected == 0);
    CHECK(report.doorbell_exits == 0);
    CHECK(report.doorbells >= 1);
    CHECK(report.interrupts >= 1);
    for (const auto& exchange : report.exchanges) {
      REQUIRE(exchange.answered);
      REQUIRE(exchange.result == crc32c(exchange.input));
    }
  }
}

TEST_CASE("a guest that is stopped says so, though no device answers") {
  boost::asio::io_context context{1};
  const auto transport = InProcess::create(context, {}).value();
  std::thread stopper([&] { transport->guest()->stop(); });
  const auto report = transport->guest()->run({});
  stopper.join();
  REQUIRE(report.has_error());
  CHECK(report.error().code == std::errc::operation_canceled);
}

TEST_CASE("a guest sleeps until it gives up, whether it looks or not") {
  for (const bool recover : {true, false}) {
    boost::asio::io_context context{1};
    const auto transport = InProcess::create(context, {}).value();
    unsigned waits = 0, polls = 0;
    const auto wait = [&](std::chrono::nanoseconds time) {
      ++waits;
      if (time <= std::chrono::nanoseconds(0)) ++polls;
      std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(time, 100ms));
      return in_process::RequestSender::Wait::nothing;
    };
    in_process::RequestSender sender(ring::Layout::open(transport->memory()).value(),
                                     {.ring = [] {}, .wait = wait});
    CHECK(sender.run({.requests = 1, .recover = recover}).value().hangs.size() == 1);
    CHECK(waits > 10);
    CHECK(polls <= waits / 2);  // a look may be due when the last wait ends
  }
}

namespace {

std::shared_ptr<FaultTally> lost(FaultWire wire, std::uint64_t number) {
  FaultPlan plan;
  plan.rules.push_back({.action = FaultAction::drop,
                        .wire = wire,
                        .chooses = FaultRule::Chooses::nth,
                        .number = number});
  return std::make_shared<FaultTally>(std::move(plan));
}

// A loss may not matter, if its side just looks by itself; then it is another's turn.
GuestReport report_of_loss(FaultWire wire) {
  for (std::uint64_t number = 20; number < 60; ++number) {
    boost::asio::io_context context{1};
    const auto transport = InProcess::create(context, {}).value();
    Digest digest;
    const testing::RunningDevice running(digest, transport->attach(nullptr).value(), Polling::off,
                                         lost(wire, number));
    auto report = transport->guest()->run({.requests = 3000, .depth = 1, .recover = false}).value();
    if (!report.hangs.empty()) return report;
  }
  return {};
}

}  // namespace

TEST_CASE("a guest that looks recovers lost doorbells and interrupts") {
  constexpr auto plan =
      "drop interrupt 1/100; drop doorbell 1/100; delay interrupt 1/100 50us..2ms; "
      "delay doorbell 1/100 50us..2ms";
  for (const unsigned depth : {1U, 16U}) {
    CAPTURE(depth);
    const auto tally = std::make_shared<FaultTally>(FaultPlan::parse(plan).value());
    boost::asio::io_context context{1};
    const auto transport = InProcess::create(context, {}).value();
    Digest digest;
    const testing::RunningDevice running(digest, transport->attach(nullptr).value(), Polling::off,
                                         tally);
    const auto report = transport->guest()->run({.requests = 4000 * depth, .depth = depth}).value();
    CHECK(std::ranges::count(report.exchanges, true, &Exchange::answered) == 4000 * depth);
    CHECK(std::ranges::count(report.exchanges, BELLWIRE_DONE, &Exchange::status) == 4000 * depth);
    CHECK(report.unexpected == 0);
    CHECK(report.hung == 0);
    if (tally->count(0) > 0 && depth == 1) CHECK(report.recovered_interrupts > 0);
  }
}

// Whether a look finds them depends on who looks first by itself.
TEST_CASE("a guest whose claim loses its doorbell and its interrupt goes on") {
  const auto plan = FaultPlan::parse("drop doorbell 1; drop interrupt 1").value();
  const auto tally = std::make_shared<FaultTally>(plan);
  boost::asio::io_context context{1};
  const auto transport = InProcess::create(context, {}).value();
  Digest digest;
  const testing::RunningDevice running(digest, transport->attach(nullptr).value(), Polling::off,
                                       tally);
  const auto report = transport->guest()->run({.requests = 10}).value();
  CHECK(report.exchanges.back().answered);
  CHECK(report.hung == 0);
}

TEST_CASE("a guest that does not look reports what hung by a loss, and comes to an end") {
  for (const auto& [wire, hop] :
       {std::pair{FaultWire::doorbell, "doorbell written"},
        std::pair{FaultWire::interrupt, "completion posted and interrupt raised"}}) {
    const std::string last = hop;
    CAPTURE(last);
    const auto report = report_of_loss(wire);
    REQUIRE(report.hangs.size() == 1);
    CHECK(report.hangs[0].find(hop) != std::string::npos);
    CHECK(report.hung == 1);
    const auto answered = std::ranges::count(report.exchanges, true, &Exchange::answered);
    CHECK(report.submitted - static_cast<std::uint64_t>(answered) <= report.hung);
  }
}

TEST_CASE("registers are reached on the device's own thread") {
  Scratch device;
  boost::asio::io_context context{1};
  const auto transport = InProcess::create(context, {}).value();
  auto runner = Runner::start(context, device, transport->attach(device.registers()).value());
  REQUIRE(runner.has_value());
  std::thread thread([&] { context.run(); });
  transport->write_register(16, 8, 0x1122334455667788);
  CHECK(transport->read_register(16, 8) == 0x1122334455667788);
  CHECK(transport->read_register(24, 8) == 0);
  context.stop();
  thread.join();
  CHECK(transport->read_register(16, 8) == 0);
}

TEST_CASE("memory that is too small for its queues is refused") {
  boost::asio::io_context context{1};
  const auto made = InProcess::create(context, {.queues = 32, .memory = 65536});
  REQUIRE(made.has_error());
  CHECK(made.error().message.find("32 queues") != std::string::npos);
}
