// SPDX-License-Identifier: BSD-3-Clause
//
// Traffic: a guest's requests on one queue, and what comes back. Each has 64 random bytes of input
// and as much room for output. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>

#include "vdev/core/guest.hpp"
#include "vdev/ring/module_queue.hpp"
#include "vdev/ring/standstill.hpp"

namespace bellwire::in_process {

class Traffic {
 public:
  enum class Wait { interrupt, nothing, stopped };
  struct Wires {
    std::function<void()> ring;
    std::function<Wait()> wait;  ///< nothing: none came for a moment
  };
  /// Of the first queue.
  Traffic(const ring::Layout& layout, Wires wires);

  /// Says in the report what hung, and gives up if it goes on to. ECANCELED: `wait` says that it
  /// was stopped. EPROTO: the device broke the ring.
  [[nodiscard]] Result<GuestReport> run(const GuestPlan& plan);

 private:
  using clock = std::chrono::steady_clock;
  Result<bool> wait_until_served();
  Result<std::optional<bellwire_completion>> wait_for_completion();
  Result<bool> sleep();
  void note_hang();
  void submit(std::uint32_t number, std::uint32_t depth);
  void publish();
  void ring();
  void keep(const bellwire_completion& completion, std::uint32_t depth);

  ring::Queue raw_;
  Wires wires_;
  ring::ModuleQueue module_;
  ring::DriverQueue queue_;
  ring::Standstill standstill_;
  std::mt19937_64 random_;
  std::vector<clock::time_point> submitted_;
  std::vector<bool> answered_;
  GuestReport report_;
};

}  // namespace bellwire::in_process
