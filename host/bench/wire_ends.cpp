// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/wire_ends.hpp"

#include <x86intrin.h>

#include <cstring>

#include "host/bench/environment.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::bench {
namespace {

constexpr std::chrono::seconds longest_wait{5};
constexpr std::uint64_t wire_memory = 1 << 20;

// How often was rung and raised so far, as the device reports it.
Counts counts_of(const bellwire_queue_control& control) {
  Counts counts;
  counts.add(Event::doorbells, ring::load(control.status.doorbells, ring::relaxed));
  counts.add(Event::interrupts, ring::load(control.status.raises, ring::relaxed));
  return counts;
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
  const auto before = counts_of(queue_.control());
  if (auto done = exchange(load, ns_per_tick, samples); !done) return done;
  samples.counts = since(before, counts_of(queue_.control()));
  samples.times += std::uint64_t{load.batches} * load.batch;
  return {};
}

Result<void> WireDriver::exchange(const bare_load& load, double ns_per_tick, Samples& samples) {
  const auto end = sent_ + std::uint64_t{load.batches} * load.batch;
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

Result<WirePair> create_wire_pair() {
  auto memory = ring::create_memory("bellwire-bench", wire_memory, 1);
  if (!memory) return memory.error();
  auto both = os::create_events(2);
  if (!both) return both.error();
  auto copies = os::duplicate(*both);
  if (!copies) return copies.error();
  const auto layout = ring::Layout::open(memory->view);
  if (!layout) return layout.error();
  WirePair wires{.device = {.doorbells = {}, .interrupts = {}, .memory = memory->view},
                 .driver = {.memory = memory->view,
                            .queue = layout->queue(0),
                            .doorbell = InterruptLine(std::move((*copies)[0])).interrupt(),
                            .interrupt = std::move((*both)[1])}};
  wires.device.doorbells.push_back(std::move((*both)[0]));
  wires.device.interrupts.push_back(InterruptLine(std::move((*copies)[1])).interrupt());
  return wires;
}

void DeviceHost::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> DeviceHost::add(std::unique_ptr<Device> device, Attachment attachment, Polling polling,
                             std::chrono::microseconds moderate) {
  auto moderation = Moderation::start(context_, attachment, moderate);
  if (!moderation) return moderation.error();
  moderations_.push_back(std::move(*moderation));
  auto runner = Runner::start(context_, *device, std::move(attachment), polling);
  if (!runner) return runner.error();
  devices_.push_back(std::move(device));
  runners_.push_back(std::move(*runner));
  return {};
}

void DeviceHost::start(int cpu) {
  thread_ = std::thread([this, cpu] {
    pin_thread(cpu);
    context_.run();
  });
}

}  // namespace bellwire::bench
