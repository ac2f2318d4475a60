// SPDX-License-Identifier: BSD-3-Clause
//
// Traffic: a guest's requests on one queue, and what comes back. Each has 64 random bytes of input
// and as much room for output. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <random>

#include "vdev/core/guest.hpp"
#include "vdev/ring/module_queue.hpp"

namespace bellwire::in_process {

class Traffic {
 public:
  struct Wires {
    std::function<void()> ring;
    std::function<bool()> wait;  ///< true: an interrupt came; false: give up
  };
  Traffic(const ring::Queue& queue, Wires wires);

  /// ECANCELED: `wait` gave up. EPROTO: the device broke the ring.
  [[nodiscard]] Result<GuestReport> run(const GuestPlan& plan);

 private:
  using clock = std::chrono::steady_clock;
  Result<void> wait_until_served();
  Result<bellwire_completion> wait_for_completion();
  Result<void> sleep();
  void submit(std::uint32_t number, std::uint32_t depth);
  void publish();
  void ring();
  void keep(const bellwire_completion& completion, std::uint32_t depth);

  ring::Queue raw_;
  Wires wires_;
  ring::ModuleQueue module_;
  ring::DriverQueue queue_;
  std::mt19937_64 random_;
  std::vector<clock::time_point> submitted_;
  std::vector<bool> answered_;
  GuestReport report_;
};

}  // namespace bellwire::in_process
