// SPDX-License-Identifier: BSD-3-Clause
//
// Ledger: what became of requests across connections and processes: each must be completed once.
// One thread.
#pragma once

#include <set>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {

class Ledger {
 public:
  /// Offers that many requests, without a kick. `traffic` outlives it.
  Ledger(TestRequests& traffic, unsigned count) : traffic_(traffic) { offer(count); }

  void offer(unsigned count) {
    for (unsigned request = 0; request < count; ++request) {
      const auto buffers = traffic_.request();
      const auto head = traffic_.ring().words.describe(buffers);
      traffic_.offer_as(head.value(), buffers);
      open_.insert(*head);
    }
    offered_ += count;
  }

  /// Takes completions until there are `enough` in all, or none comes in time.
  void take(unsigned enough) {
    while (taken_ < enough) {
      const auto used = traffic_.next();
      if (!used) return;
      ++taken_;
      if (open_.erase(used->id) == 0) ++twice_;
    }
  }
  void take_all() { take(offered_); }

  /// Fails the statement unless each request was completed once; `harm` says what happened to the
  /// back-end.
  void expect_once_each(const Trial& trial, const std::string& harm) {
    take_all();
    twice_ += traffic_.come_though_quiet();
    trial.expect(open_.empty() && twice_ == 0,
                 "of {} requests, {} were lost and {} completed twice: {}", offered_, open_.size(),
                 twice_, harm);
  }

 private:
  TestRequests& traffic_;
  std::set<std::uint32_t> open_;  // heads
  unsigned offered_ = 0, taken_ = 0, twice_ = 0;
};

/// The back-end's process ends at once.
inline void kill(Trial& trial) {
  trial.back_end().kill();
  trial.transcript().sent("SIGKILL");
}
/// There is another one. It belongs to the preparations.
inline void start_again(Trial& trial) {
  trial.back_end().clean_up();
  Trial::prepare(trial.back_end().start(), "starting the back-end again");
}
/// The front-end goes on with the next process, or the next connection: the same memory, the same
/// inflight region, the rings where they were.
inline void go_on(Trial& trial, FrontEnd& front) {
  trial.expect(front.reconnect(trial.settings().socket), "connecting again");
  trial.expect(front.bring_up(), "bringing the device up again");
}

/// A device that tracks its requests is up, or the statement can't be tried.
[[nodiscard]] inline FrontEnd tracked(Trial& trial) {
  auto front = trial.up();
  if (!front.inflight().file.valid())
    throw Untried{text("{} has no inflight region", front.dialect().program)};
  return front;
}

}  // namespace bellwire::host::conform
