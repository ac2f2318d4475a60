// SPDX-License-Identifier: BSD-3-Clause
//
// Trace: what a trace file holds, read and checked. Whoever wrote the file is not trusted: what is
// in a Trace is of the right type and size, within `largest_time`, sorted, and safe to print. A
// request with a time beyond that is left out, and counted: it spoils no other.
//
// Times are nanoseconds on the host's clock, since the first request was submitted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/trace/file/stage.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::view {

struct Machine {
  std::string cpu, kernel;
  std::optional<std::string> accelerator, qemu, guest_kernel;  ///< empty: nobody told
};

/// How the guest's clock and the host's were joined.
struct Clock {
  double ticks_per_ns = 1;
  double uncertainty_ns = 0;         ///< the device's stages are right within so much, either way
  std::uint64_t contradictions = 0;  ///< requests that no single offset explains
};

struct Request {
  std::uint32_t queue = 0;
  std::uint32_t index = 0;                                   ///< in the ring
  std::array<std::optional<double>, stages.size()> at = {};  ///< empty: it didn't come by there
};

/// Thirteen days. Microseconds with three decimals are exact up to here, whoever reads them as a
/// double.
constexpr double largest_time = 1LL << 50;

/// A doorbell or an interrupt.
struct Ring {
  std::uint32_t queue = 0;
  double at = 0;
  std::uint32_t requests = 0;  ///< that it stood for
};

/// What a queue's records said that can't be, so that nothing here has it.
struct LeftOut {
  std::uint32_t queue = 0;
  std::uint64_t requests = 0;
  std::uint64_t records = 0;
};

struct Trace {
  Machine machine;
  std::string transport, device;
  std::string began;  ///< ISO 8601
  Clock clock;
  std::array<std::uint64_t, sides.size()> lost = {};  ///< records, by side
  std::vector<LeftOut> left_out = {};                 ///< by queue
  std::vector<Request> requests;                      ///< by the time they were submitted
  std::vector<Ring> doorbells, interrupts;
};

/// Of a file's text, not compressed; `name` is what errors call it. EPROTO: something in it is not
/// as it should be.
[[nodiscard]] Result<Trace> parse(std::string_view content, const std::string& name);

/// Of a file, which may be compressed by gzip. EFBIG besides, or what the system says.
[[nodiscard]] Result<Trace> read(const std::string& path);

/// Calls take(hop, ns) for each hop of a request within `whole`, in order.
template <class Take>
void each_hop(const Request& request, const Hop& whole, Take take) {
  std::optional<std::size_t> before;
  for (std::size_t stage = whole.from; stage <= whole.to; ++stage) {
    if (!request.at[stage]) continue;
    if (before) take(Hop{*before, stage}, *request.at[stage] - *request.at[*before]);
    before = stage;
  }
}

}  // namespace bellwire::view
