// SPDX-License-Identifier: BSD-3-Clause
//
// Guest: the driver's side of a transport that brings its guest along. It sends requests through
// the ring and keeps what came back, for whoever knows the device to judge.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire {

struct GuestPlan {
  std::uint32_t requests = 10'000;
  std::uint32_t depth = 1;  ///< requests in flight
};

/// One request and its answer.
struct Exchange {
  std::array<std::byte, 64> input;
  std::array<std::byte, 64> output;  ///< `length` bytes of it are the device's
  bool answered = false;             ///< what follows counts only then
  std::uint32_t status;              ///< enum bellwire_completion_status
  std::uint32_t length;
  std::uint64_t result;
  std::uint64_t ns;  ///< from its submission until it was taken back
};

struct GuestReport {
  std::vector<Exchange> exchanges;   ///< all that were planned, in the order of submission
  std::uint64_t submitted = 0;       ///< of them, from the first on; all, unless it gave up
  std::uint64_t hung = 0;            ///< requests that hung; those without an answer were given up
  std::vector<std::string> hangs;    ///< what they hung at, in words
  std::uint64_t unexpected = 0;      ///< completions that answered nothing, or twice
  std::uint64_t doorbells = 0;       ///< written by the guest
  std::uint64_t interrupts = 0;      ///< taken by the guest
  std::uint64_t register_exits = 0;  ///< accesses that reached user space: registers …
  std::uint64_t doorbell_exits = 0;  ///< … and doorbells, which never should
};

class Guest {
 public:
  virtual ~Guest() = default;

  /// Runs it to its end, on the caller's thread; the device runs on another. A guest whose requests
  /// hang gives up, and reports that. ECANCELED: stop().
  [[nodiscard]] virtual Result<GuestReport> run(const GuestPlan& plan) = 0;
  /// From any thread: ends run() soon.
  virtual void stop() noexcept = 0;
};

}  // namespace bellwire
