// SPDX-License-Identifier: BSD-3-Clause
//
// The suite `payload`: what a request costs that brings bytes, from its submission to its
// completion, both sides of the ring in turn on one thread. Beside it the same work on the same
// bytes without a ring, in C: memcpy() for an echo, the CPU's CRC-32C for a digest.
#include <x86intrin.h>

#include <algorithm>
#include <memory>

#include "host/bench/bare/bare.h"
#include "host/bench/suites.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_queue.hpp"

namespace bellwire::bench {
namespace {

constexpr std::uint32_t sizes[] = {64, 4 << 10, 64 << 10, 1 << 20};
constexpr std::uint32_t most_together = 16;       // requests
constexpr std::uint32_t bytes_at_once = 1 << 20;  // of input, of those that go together
constexpr std::uint64_t bytes_per_round = 64 << 20;
constexpr std::uint64_t requests_per_round = 100'000;  // at most

// At least 0.8 of memcpy()'s rate, and 0.9 of the instruction's.
constexpr std::uint32_t limited_from = 4 << 10;
constexpr double copy_limit = 1 / 0.8;
constexpr double crc_limit = 1 / 0.9;

using BareWork = void(void* to, const void* from, std::size_t size);

// A ring whose requests have `size` bytes of input, and as much room for output.
class PayloadRing {
 public:
  static Result<std::shared_ptr<PayloadRing>> create(std::uint32_t size) {
    const auto together = std::clamp(bytes_at_once / size, 1U, most_together);
    const auto bytes = ring::memory_size(1, most_together, std::uint64_t{2} * together * size);
    if (!bytes) return bytes.error();
    auto memory = ring::create_memory("bellwire-payload", *bytes, 1, most_together);
    if (!memory) return memory.error();
    const auto layout = ring::Layout::open(memory->view);
    if (!layout) return layout.error();
    return std::shared_ptr<PayloadRing>(
        new PayloadRing(std::move(memory->view), layout->queue(0), size, together));
  }

  Result<void> exchange(ring::RequestHandler& handler, double ns_per_tick, Samples& samples) {
    for (auto left = rounds(); left > 0; --left) {
      const auto began = __rdtsc();
      for (std::uint32_t number = 0; number < together_; ++number) submit(number);
      (void)driver_.publish();
      while (device_.turn(handler, 0) == Turn::more) {
      }
      for (std::uint32_t number = 0; number < together_; ++number)
        if (const auto completion = driver_.take();
            !completion || completion->status != BELLWIRE_DONE)
          return fault(std::errc::protocol_error, "a request was not answered");
      note(began, ns_per_tick, samples);
    }
    return {};
  }

  Result<void> without(BareWork* work, double ns_per_tick, Samples& samples) {
    for (auto left = rounds(); left > 0; --left) {
      const auto began = __rdtsc();
      for (std::uint32_t number = 0; number < together_; ++number)
        work(&queue_.payload[output_of(number)], &queue_.payload[input_of(number)], size_);
      note(began, ns_per_tick, samples);
    }
    return {};
  }

  void start(ring::RequestHandler& handler) { device_.turn(handler, 1); }

 private:
  PayloadRing(MemoryView memory, const ring::Queue& queue, std::uint32_t size,
              std::uint32_t together)
      : memory_(std::move(memory)),
        queue_(queue),
        size_(size),
        together_(together),
        driver_(queue, ring::begin_generation(queue)),
        device_(queue, InterruptLine().interrupt(), 1) {
    std::ranges::fill(queue_.payload, std::byte{0x5a});
  }

  [[nodiscard]] std::uint64_t rounds() const {
    return std::min(bytes_per_round / size_, requests_per_round) / together_;
  }
  [[nodiscard]] std::uint32_t input_of(std::uint32_t number) const { return number * 2 * size_; }
  [[nodiscard]] std::uint32_t output_of(std::uint32_t number) const {
    return input_of(number) + size_;
  }

  void submit(std::uint32_t number) {
    bellwire_request request{};
    request.cookie = number;
    request.input_offset = input_of(number);
    request.output_offset = output_of(number);
    request.input_length = request.output_length = size_;
    driver_.submit(request);
  }

  void note(std::uint64_t began, double ns_per_tick, Samples& samples) const {
    samples.ns.push_back(static_cast<double>(__rdtsc() - began) * ns_per_tick / together_);
    samples.times += together_;
  }

  MemoryView memory_;
  ring::Queue queue_;
  const std::uint32_t size_, together_;
  ring::DriverQueue driver_;
  ring::DeviceQueue device_;
};

std::string size_text(std::uint32_t size) {
  if (size >= 1 << 20) return text("{} MiB", size >> 20);
  return size >= 1 << 10 ? text("{} KiB", size >> 10) : text("{} B", size);
}

template <class Device>
Result<void> add_device(Benchmark& benchmark, const char* name, BareWork* bare, double limit,
                        double ns_per_tick) {
  for (const auto size : sizes) {
    auto ring = PayloadRing::create(size);
    if (!ring) return ring.error();
    const auto device = std::make_shared<Device>();
    (*ring)->start(*device);
    benchmark.add(
        text("{}, {}", name, size_text(size)),
        [ring = *ring, device, ns_per_tick](Samples& samples) {
          return ring->exchange(*device, ns_per_tick, samples);
        },
        [ring = *ring, bare, ns_per_tick](Samples& samples) {
          return ring->without(bare, ns_per_tick, samples);
        },
        size >= limited_from ? std::optional(limit) : std::nullopt);
  }
  return {};
}

// The compiler must not find that nobody wants it.
void checksum(void*, const void* from, std::size_t size) {
  const auto crc = bare_crc32c(from, size);
  asm volatile("" : : "r"(crc));
}

}  // namespace

Result<void> add_payloads(Benchmark& benchmark, const Environment& environment) {
  if (auto added =
          add_device<Echo>(benchmark, "echo", bare_copy, copy_limit, environment.ns_per_tick);
      !added || !bare_has_crc32c())
    return added;
  return add_device<Digest>(benchmark, "digest", checksum, crc_limit, environment.ns_per_tick);
}

}  // namespace bellwire::bench
