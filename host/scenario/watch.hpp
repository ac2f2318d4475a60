// SPDX-License-Identifier: BSD-3-Clause
//
// What watches a run: the ring's own watchdog, which knows hops by the words of a ring's shared
// memory (vdev/ring/hang.hpp). A virtqueue has no such words. Ledger writes them from what both
// sides have done, so that the same code names the hop at which a virtqueue's request stands still.
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vdev/ring/watchdog.hpp"

namespace bellwire::host {

/// How many requests have passed each stage; the first of them are meant.
struct Progress {
  std::uint32_t submitted = 0, rung = 0, taken = 0, posted = 0, raised = 0, interrupted = 0,
                consumed = 0;
};

class Ledger {
 public:
  /// Throws if there is no memory.
  Ledger();
  /// Both sides sleep, and have come that far.
  void write(const Progress& progress) noexcept;
  [[nodiscard]] const ring::Queue& queue() const noexcept { return queue_; }

 private:
  ring::Layout layout_;
  ring::Queue queue_;
};

/// What the watchdog found of a request that stands still.
struct Finding {
  bellwire_stage last;   ///< the last that the request reached: the hop behind it was lost
  std::string sentence;  ///< "request 0: doorbell written 1.5 s ago, never seen …"
  bool repaired;         ///< the request went on when the watchdog rang again
};

/// What the watchdog sees of a run, and may do.
struct Watched {
  std::function<Progress()> progress;
  std::function<void()> ring_again;   ///< the doorbell
  std::function<void()> raise_again;  ///< the interrupt
  std::function<void(std::string)> tell;
};

/// Has the watchdog look, with a clock that is set forward, so that nobody waits for its patience.
/// Empty: nothing stands still, all requests are done.
[[nodiscard]] std::optional<Finding> watch(const Watched& watched);

}  // namespace bellwire::host
