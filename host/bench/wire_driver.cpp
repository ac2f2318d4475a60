// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/wire_driver.hpp"

#include <x86intrin.h>

#include <cstring>

#include "vdev/ring/driver_wait.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::bench {
namespace {

constexpr std::chrono::seconds longest_wait{5};

// As much rung or raised as the device says so far.
Counts told_by(const bellwire_queue_control& control) {
  Counts told;
  told.add(Event::doorbells, ring::load(control.status.doorbells, ring::relaxed));
  told.add(Event::interrupts, ring::load(control.status.raises, ring::relaxed));
  return told;
}

}  // namespace

Result<WireDriver> WireDriver::create(WireEnd end, Polling polling) {
  WireDriver driver(std::move(end), polling);
  driver.end_.doorbell.raise();
  while (!driver.queue_.ready())
    if (auto woken = driver.sleep(); !woken) return woken.error();
  return driver;
}

Result<void> WireDriver::run(const bare_load& load, double ns_per_tick, Samples& samples) {
  const auto before = told_by(queue_.control());
  if (auto done = exchange(load, ns_per_tick, samples); !done) return done;
  samples.counts = since(before, told_by(queue_.control()));
  samples.times += std::uint64_t{load.looks} * load.batch;
  return {};
}

Result<void> WireDriver::exchange(const bare_load& load, double ns_per_tick, Samples& samples) {
  const auto end = sent_ + std::uint64_t{load.looks} * load.batch;
  auto left = load.batch;  // completions of it
  auto before = __rdtsc();
  while (taken_ < end) {
    while (sent_ < end && queue_.in_flight() < load.depth) submit(load.bytes);
    if (auto waited = publish_and_wait(); !waited) return waited;
    while (const auto completion = queue_.take()) {
      if (completion->cookie != taken_++ || completion->status != BELLWIRE_DONE)
        return fault(std::errc::protocol_error, "completion {} has cookie {} and status {}",
                     taken_ - 1, completion->cookie, completion->status);
      if (--left > 0) continue;
      left = load.batch;
      const auto now = __rdtsc();
      samples.ns.push_back(static_cast<double>(now - before) * ns_per_tick / load.batch);
      before = now;
    }
  }
  return {};
}

// Each request under way has its own room: input, then output.
void WireDriver::submit(std::uint32_t bytes) noexcept {
  bellwire_request request{};
  request.cookie = sent_++;
  request.input_offset =
      static_cast<std::uint32_t>(request.cookie % BARE_ENTRIES) * 2 * BARE_PAYLOAD;
  request.output_offset = request.input_offset + BARE_PAYLOAD;
  request.input_length = request.output_length = bytes;
  if (bytes > 0)  // memset of nothing is slow where no page is yet
    std::memset(&queue_.payload()[request.input_offset], static_cast<int>(request.cookie), bytes);
  queue_.submit(request);
}

Result<void> WireDriver::publish_and_wait() {
  Result<void> woken;
  ring::publish_and_wait(
      queue_, patience_, [this] { end_.doorbell.raise(); }, [&] { woken = sleep(); });
  return woken;
}

Result<void> WireDriver::sleep() const {
  if (!end_.interrupt.wait(longest_wait))
    return fault(std::errc::timed_out, "the device did not answer for {} s", longest_wait.count());
  end_.interrupt.drain();
  return {};
}

}  // namespace bellwire::bench
