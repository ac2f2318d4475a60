// SPDX-License-Identifier: BSD-3-Clause
//
// Trace: the content of a trace file, checked. The writer of the file is not trusted: what is in a
// Trace has the right type and size, is within `largest_time`, sorted, and safe to print. A request
// with a time beyond that is left out and counted, and spoils no other.
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

class JsonNode;

struct MachineFacts {
  std::string cpu, kernel;
  std::optional<std::string> accelerator, qemu, guest_kernel;  ///< empty: not given
};

/// How the guest's clock and the host's were joined.
struct ClockInfo {
  double ticks_per_ns = 1;
  double uncertainty_ns = 0;         ///< the device's stages are right within this, either way
  std::uint64_t contradictions = 0;  ///< requests that no single offset explains
};

struct TracedRequest {
  std::uint32_t queue = 0;
  std::uint32_t index = 0;                                   ///< in the ring
  std::array<std::optional<double>, stages.size()> at = {};  ///< empty: it did not pass this stage
};

/// Thirteen days. Up to here, microseconds with three decimals are exact in a double.
constexpr double largest_time = 1LL << 50;

/// A doorbell or an interrupt.
struct TracedSignal {
  std::uint32_t queue = 0;
  double at = 0;
  std::uint32_t requests = 0;  ///< how many it stood for
};

/// Something that went wrong on purpose, or a signal that the driver did without.
struct TracedMark {
  std::uint32_t queue = 0;
  double at = 0;
  std::string what;                         ///< "drop interrupt 33"; "doorbell", "interrupt"
  std::optional<std::uint32_t> index = {};  ///< of the request that it happened to, if one is known
};

/// How many of a queue's requests and records were left out, because they were impossible.
struct TracedLeftOut {
  std::uint32_t queue = 0;
  std::uint64_t requests = 0;
  std::uint64_t records = 0;
};

struct Trace {
  MachineFacts machine;
  std::string transport, device;
  std::string began;  ///< ISO 8601
  ClockInfo clock;
  std::array<std::uint64_t, sides.size()> lost = {};  ///< records, by side
  std::vector<TracedLeftOut> left_out = {};           ///< by queue
  std::vector<TracedRequest> requests;                ///< by the time they were submitted
  std::vector<TracedSignal> doorbells, interrupts;
  std::vector<TracedMark> faults = {}, recovered = {};
};

/// Parses a file's text, which is not compressed; errors call it `name`. EPROTO: something in it is
/// wrong, or it is the trace of a whole PCI device (function_trace.hpp).
[[nodiscard]] Result<Trace> parse(std::string_view content, const std::string& name);

/// Reads a file, which may be compressed by gzip. Also EFBIG, or what the system says.
[[nodiscard]] Result<Trace> read(const std::string& path);

/// A file's "machine". Throws Malformed.
[[nodiscard]] MachineFacts read_machine(const JsonNode& node);

/// Calls take(hop, ns) for each hop of a request within `whole`, in order.
template <class Take>
void each_hop(const TracedRequest& request, const Hop& whole, Take take) {
  std::optional<std::size_t> before;
  for (std::size_t stage = whole.from; stage <= whole.to; ++stage) {
    if (!request.at[stage]) continue;
    if (before) take(Hop{*before, stage}, *request.at[stage] - *request.at[*before]);
    before = stage;
  }
}

}  // namespace bellwire::view
