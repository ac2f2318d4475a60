// SPDX-License-Identifier: BSD-3-Clause
//
// Requests in flight with many threads: each is completed once and in order, whoever restarts or
// comes anew meanwhile, and the payload is left alone once it is the next driver's.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "vdev/devices/request_device.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using bellwire::testing::Driver;
using bellwire::testing::Wires;

namespace {

// A device whose threads complete requests in any order. Each writes into the request's payload,
// which is its own until it completes it.
class Workshop final : public AsyncRequestDevice {
 public:
  ~Workshop() {
    ends_ = true;
    for (auto& worker : workers_) worker.join();
  }
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "workshop"}; }
  void handle(ring::PendingRequest request) noexcept override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  void cancel(unsigned) noexcept override {
    const std::lock_guard lock(mutex_);
    requests_.clear();
  }

 private:
  void work(unsigned seed) {
    for (std::minstd_rand random(seed); !ends_;) {
      if (auto request = take(random())) {
        const auto& [cookie, operation, input, output] = **request;
        std::ranges::copy(input, output.begin());
        const auto length = static_cast<std::uint32_t>(output.size());
        std::move(*request).complete({.length = length});
      } else {
        std::this_thread::yield();
      }
    }
  }
  std::optional<ring::PendingRequest> take(std::size_t random) {
    const std::lock_guard lock(mutex_);
    if (requests_.empty()) return std::nullopt;
    auto& chosen = requests_[random % requests_.size()];
    std::swap(chosen, requests_.back());
    std::optional<ring::PendingRequest> taken(std::move(requests_.back()));
    requests_.pop_back();
    return taken;
  }

  std::mutex mutex_;
  std::vector<ring::PendingRequest> requests_;
  std::atomic<bool> ends_ = false;
  std::array<std::thread, 3> workers_{std::thread([this] { work(1); }),
                                      std::thread([this] { work(2); }),
                                      std::thread([this] { work(3); })};
};

constexpr std::uint32_t room = 16;  // of payload for a request, half of it output

std::uint32_t place_of(std::uint64_t number) {
  return static_cast<std::uint32_t>(number % 256) * room;
}

// What a driver sends, and sees come back: each once, in order.
class Conversation {
 public:
  Conversation(const Wires& wires, std::uint64_t first)
      : driver_(wires.guest_end(), 0), submitted_(first), taken_(first) {
    driver_.wait_until_served();
    // It is the driver's now: nothing else writes to it.
    std::ranges::fill(driver_.queue().payload(), std::byte{0xEE});
  }
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }
  void submit(unsigned count) {
    for (; count > 0 && driver_.queue().space() > 0; --count) submit_one();
    driver_.publish();
  }
  void take(unsigned count) {
    for (; count > 0 && driver_.queue().in_flight() > 0; --count) take_one();
  }
  [[nodiscard]] bool untouched() {
    return std::ranges::all_of(driver_.queue().payload(),
                               [](auto byte) { return byte == std::byte{0xEE}; });
  }

 private:
  void submit_one() {
    const auto number = submitted_++;
    bellwire_request request{};
    request.cookie = number;
    request.input_offset = place_of(number);
    request.output_offset = request.input_offset + room / 2;
    request.input_length = request.output_length = sizeof number;
    std::memcpy(&driver_.queue().payload()[request.input_offset], &number, sizeof number);
    REQUIRE(driver_.queue().submit(request));
  }
  void take_one() {
    const auto completion = driver_.wait_for_completion();
    const auto number = taken_++;
    REQUIRE(completion.cookie == number);
    REQUIRE(completion.status == BELLWIRE_DONE);
    const auto* const output = &driver_.queue().payload()[place_of(number) + room / 2];
    REQUIRE(std::memcmp(output, &number, sizeof number) == 0);
  }

  Driver driver_;
  std::uint64_t submitted_, taken_;
};

}  // namespace

TEST_CASE("many threads complete requests, while the device restarts and drivers come and go") {
  for (const auto polling : {Polling::off, Polling::adaptive, Polling::always}) {
    const auto wires = Wires::create(1);
    Workshop device;
    std::optional<testing::RunningDevice> running(std::in_place, device, wires.device_end(),
                                                  polling);
    std::minstd_rand random(11);
    std::uint64_t number = 0;
    for (unsigned drivers = 0; drivers < 20; ++drivers) {
      Conversation conversation(wires, number);
      for (unsigned step = 0; step < 50; ++step) {
        conversation.submit(static_cast<unsigned>(random() % 100));
        if (random() % 10 == 0) {
          running.reset();
          running.emplace(device, wires.device_end(), polling);
        }
        conversation.take(static_cast<unsigned>(random() % 120));
      }
      number = conversation.submitted();  // and some are left in flight
    }
    CHECK(Conversation(wires, number).untouched());
  }
}
