// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/wire_ends.hpp"

#include <x86intrin.h>

#include <cstring>

#include "host/bench/machine.hpp"
#include "vdev/os/fd.hpp"
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

namespace {

constexpr unsigned trips = 500;            // a sample
constexpr unsigned doorbell_stride = 797;  // prime, so that no cache foresees the next
constexpr unsigned fds_per_doorbell = 4;   // ours, the device's, two of its runner's
constexpr unsigned other_fds = 256;
constexpr std::chrono::seconds longest_answer{5};

// Answers every doorbell by its one interrupt.
class Answerer final : public Device {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "answerer"}; }
  [[nodiscard]] Result<void> start(Attachment attachment) override {
    attachment_ = std::move(attachment);
    return {};
  }
  Turn on_doorbell(unsigned, std::uint64_t rings) noexcept override {
    if (rings > 0) attachment_.interrupts[0].raise();
    return Turn::done;
  }
  void stop() noexcept override {}

 private:
  Attachment attachment_;
};

template <class Ring>
Result<void> sample_trips(Order order, unsigned doorbells, unsigned& next, double ns_per_tick,
                          Samples& samples, const Ring& ring) {
  for (unsigned trip = 0; trip < trips; ++trip) {
    if (order == Order::each_in_turn) next = (next + doorbell_stride) % doorbells;
    const auto before = __rdtsc();
    if (auto answered = ring(next); !answered) return answered;
    samples.ns.push_back(static_cast<double>(__rdtsc() - before) * ns_per_tick);
  }
  samples.times += trips;
  return {};
}

}  // namespace

Result<std::shared_ptr<PingPong>> PingPong::create(unsigned doorbells, int cpu) {
  auto enough = os::ensure_fds(std::uint64_t{2} * fds_per_doorbell * doorbells + other_fds);
  if (!enough) return enough.error();
  auto ours = os::create_events(doorbells);
  if (!ours) return ours.error();
  auto theirs = os::duplicate(*ours);
  if (!theirs) return theirs.error();
  auto answer = os::EventFd::create();
  if (!answer) return answer.error();
  auto interrupt = answer->duplicate();
  if (!interrupt) return interrupt.error();
  std::shared_ptr<PingPong> ping_pong(new PingPong(std::move(*ours), std::move(*answer)));
  Attachment wires{.doorbells = std::move(*theirs), .interrupts = {}, .memory = {}};
  wires.interrupts.push_back(InterruptLine(std::move(*interrupt)).interrupt());
  auto added = ping_pong->host_.add(std::make_unique<Answerer>(), std::move(wires));
  if (!added) return added.error();
  ping_pong->host_.start(cpu);
  return ping_pong;
}

Result<void> PingPong::ring(unsigned doorbell) const {
  doorbells_[doorbell].ring();
  if (!answer_.wait(longest_answer))
    return fault(std::errc::timed_out, "doorbell {} of {} was not answered for {} s", doorbell,
                 doorbells_.size(), longest_answer.count());
  answer_.drain();
  return {};
}

Result<void> PingPong::sample(Order order, double ns_per_tick, Samples& samples) {
  return sample_trips(order, static_cast<unsigned>(doorbells_.size()), next_, ns_per_tick, samples,
                      [this](unsigned doorbell) { return ring(doorbell); });
}

Result<std::shared_ptr<BarePingPong>> BarePingPong::create(unsigned doorbells, int cpu,
                                                           bool blocking) {
  std::shared_ptr<bare_ping> ping(bare_ping_create(doorbells, cpu, blocking), bare_ping_destroy);
  if (!ping) return system_fault("cannot make {} bare doorbells", doorbells);
  return std::shared_ptr<BarePingPong>(new BarePingPong(std::move(ping), doorbells));
}

Result<void> BarePingPong::sample(Order order, double ns_per_tick, Samples& samples) {
  return sample_trips(order, doorbells_, next_, ns_per_tick, samples,
                      [this](unsigned doorbell) -> Result<void> {
                        if (bare_ping_ring(ping_.get(), doorbell) == 0) return {};
                        return system_fault("bare doorbell {} was not answered", doorbell);
                      });
}

}  // namespace bellwire::bench
