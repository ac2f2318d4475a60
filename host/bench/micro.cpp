// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire-micro: what the pieces of a round trip cost, each alone and in one thread. They can be
// compared with each other; beside the suites of bellwire-bench they show where time goes.
//
//     bellwire-micro --benchmark_enable_random_interleaving=true --benchmark_repetitions=9
#include <benchmark/benchmark.h>

#include "host/bench/wire_ends.hpp"
#include "host/output/standard_output.hpp"
#include "vdev/core/crc32c.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/testing/virtqueue_pair.hpp"

using namespace bellwire;

namespace {

void ring_and_drain(benchmark::State& state) {
  const auto event = os::EventFd::create().value();
  for (auto _ : state) {
    event.ring();
    benchmark::DoNotOptimize(event.drain());
  }
}
BENCHMARK(ring_and_drain)->Name("eventfd: ring and drain");

// An eventfd that a peer has, too.
void ring_and_drain_shared(benchmark::State& state) {
  const auto event = os::EventFd::create_shared().value();
  for (auto _ : state) {
    event.ring();
    benchmark::DoNotOptimize(event.drain());
  }
}
BENCHMARK(ring_and_drain_shared)->Name("eventfd, shared: ring and drain");

void raise(benchmark::State& state, Result<os::EventFd> (*create)()) {
  const InterruptLine line(create().value());
  const auto interrupt = line.interrupt();
  for (auto _ : state) interrupt.raise();
}
BENCHMARK_CAPTURE(raise, ours, [] { return os::EventFd::create(); })->Name("interrupt: raise");
BENCHMARK_CAPTURE(raise, shared, [] {
  return os::EventFd::create_shared();
})->Name("interrupt, shared: raise");

struct Silent final : ring::RequestHandler {
  ring::Reply serve(const ring::Request&) noexcept override { return {}; }
};

// Both sides of a queue in turn, N requests at a time: no wake-up, no other CPU's caches.
template <class Handler>
void exchange_by(benchmark::State& state, const bench::WirePair& wires, ring::DeviceQueue device,
                 Handler& handler) {
  ring::DriverQueue driver(wires.driver.queue, ring::begin_generation(wires.driver.queue));
  device.turn(handler, 1);
  for (auto _ : state) {
    for (auto left = state.range(0); left > 0; --left) driver.submit({});
    benchmark::DoNotOptimize(driver.publish());
    device.turn(handler, 0);
    while (const auto completion = driver.take()) benchmark::DoNotOptimize(completion->cookie);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void exchange(benchmark::State& state) {
  auto wires = bench::create_wire_pair().value();
  Silent handler;
  exchange_by(state, wires, {wires.driver.queue, wires.device.interrupts[0], 1}, handler);
}
BENCHMARK(exchange)->Name("ring: requests, both sides")->Arg(1)->Arg(16)->Arg(64);

// The same with requests that are completed once so many are in flight, the last one first.
struct Keeper final : ring::AsyncRequestHandler {
  explicit Keeper(std::size_t count) : most(count) { kept.reserve(count); }
  void handle(ring::PendingRequest request) noexcept override {
    kept.push_back(std::move(request));
    if (kept.size() < most) return;
    for (; !kept.empty(); kept.pop_back()) std::move(kept.back()).complete();
  }
  void cancel(unsigned) noexcept override { kept.clear(); }
  const std::size_t most;
  std::vector<ring::PendingRequest> kept;
};

void exchange_later(benchmark::State& state) {
  auto wires = bench::create_wire_pair().value();
  Keeper handler(static_cast<std::size_t>(state.range(0)));
  const auto event = std::make_shared<os::EventFd>(os::EventFd::create().value());
  exchange_by(state, wires, {wires.driver.queue, wires.device.interrupts[0], 1, 0, event}, handler);
}
BENCHMARK(exchange_later)->Name("ring: requests, completed later")->Arg(1)->Arg(16)->Arg(64);

// The same for a virtqueue: a readable and a writable buffer each, as a block device has.
void exchange_chains(benchmark::State& state, bool packed) {
  testing::VirtqueuePair pair({.size = 256, .packed = packed, .event_index = true});
  const virtio::GuestBuffer input{pair.buffers(), 64};
  const virtio::GuestBuffer output{pair.buffers() + 64, 64};
  for (auto _ : state) {
    for (auto left = state.range(0); left > 0; --left)
      benchmark::DoNotOptimize(pair.driver.add({&input, 1}, {&output, 1}, 1));
    pair.driver.publish();
    benchmark::DoNotOptimize(pair.driver.should_kick());
    while (pair.pop() == virtio::Taken::chain) pair.device.push(pair.storage.chain(), 64);
    pair.device.publish();
    benchmark::DoNotOptimize(pair.device.should_call());
    while (const auto used = pair.driver.poll_used()) benchmark::DoNotOptimize(used->token);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(exchange_chains, split, false)->Name("virtqueue, split")->Arg(1)->Arg(64);
BENCHMARK_CAPTURE(exchange_chains, packed, true)->Name("virtqueue, packed")->Arg(1)->Arg(64);

// What a virtqueue is measured beside: the same entries, two for a request and one for its
// completion, in plain rings that check nothing and publish each request.
struct BareRing {
  alignas(64) std::uint32_t written = 0;
  alignas(64) vring_desc entries[256];
};
void put(BareRing& ring, const vring_desc& entry) {
  ring.entries[ring.written % std::size(ring.entries)] = entry;
  ring::store(ring.written, ring.written + 1, ring::release);
}
void exchange_bare(benchmark::State& state) {
  const auto requests = std::make_unique<BareRing>();
  const auto completions = std::make_unique<BareRing>();
  std::uint32_t served = 0;
  std::uint32_t taken = 0;
  const auto next = [](const BareRing& ring, std::uint32_t& index) {
    return ring.entries[index++ % std::size(ring.entries)];
  };
  for (auto _ : state) {
    for (auto left = state.range(0); left > 0; --left) {
      put(*requests, {.addr = 1, .len = 64, .flags = VRING_DESC_F_NEXT, .next = 0});
      put(*requests, {.addr = 2, .len = 64, .flags = VRING_DESC_F_WRITE, .next = 0});
    }
    while (served != ring::load(requests->written, ring::acquire)) {
      benchmark::DoNotOptimize(next(*requests, served));
      put(*completions, next(*requests, served));
    }
    while (taken != ring::load(completions->written, ring::acquire))
      benchmark::DoNotOptimize(next(*completions, taken));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(exchange_bare)->Name("bare ring of the same entries")->Arg(1)->Arg(64);

// What each stage of a request costs a side, without a recording and with one.
void note(benchmark::State& state) {
  const auto wires = bench::create_wire_pair().value();
  const auto& queue = wires.driver.queue;
  ring::set_recording(queue, BELLWIRE_HOST_RECORDS, state.range(0) != 0);
  ring::TraceWriter writer(queue, BELLWIRE_DEVICE);
  for (std::uint32_t index = 0; auto _ : state) writer.note(BELLWIRE_WOKEN, 1, index++);
}
BENCHMARK(note)->Name("record: one stage, recording")->Arg(0)->Arg(1);

void checksum(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Name("digest: CRC-32C of bytes")->Arg(64)->Arg(4096);

}  // namespace

int main(int argc, char** argv) {
  bellwire::host::StandardOutput output;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return output.end("bellwire-micro", 1);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return output.end("bellwire-micro", 0);
}
