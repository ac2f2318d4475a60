// SPDX-License-Identifier: BSD-3-Clause
//
// RequestSender: sends a guest's requests on one queue, and keeps the answers. Each request has 64
// random bytes of input and as much room for output. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>

#include "vdev/core/transport.hpp"
#include "vdev/ring/driver_look.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/driver_watch.hpp"

namespace bellwire::in_process {

class RequestSender {
 public:
  enum class Wait { interrupt, nothing, stopped };
  struct Hooks {
    std::function<void()> ring;
    std::function<Wait(std::chrono::nanoseconds)> wait;  ///< so long at most; may be shorter
  };
  RequestSender(const ring::Layout& layout, Hooks wires, unsigned queue = 0);

  /// Goes on without a doorbell or an interrupt that was lost, if the plan lets it. Records in the
  /// report which requests hung, and gives up if that does not end. ECANCELED:
  /// `wait` returned `stopped`. EPROTO: the device broke the ring.
  [[nodiscard]] Result<GuestReport> run(const GuestPlan& plan);

 private:
  using clock = std::chrono::steady_clock;
  /// In slow motion, once the hop may happen. False: it was told to give up.
  [[nodiscard]] bool may(bellwire_stage stage, std::string_view function,
                         SourceLine line = SourceLine::here());
  Result<void> publish_in_time();
  Result<bool> wait_until_served();
  Result<std::optional<bellwire_completion>> wait_for_completion();
  Result<bool> sleep();
  [[nodiscard]] bool recovers();
  [[nodiscard]] bool gives_up();
  void submit(std::uint32_t number, std::uint32_t depth);
  void ring();
  void keep(const bellwire_completion& completion, std::uint32_t depth);

  ring::Queue raw_;
  Hooks hooks_;
  ring::ModuleQueue module_;
  ring::DriverQueue queue_;
  ring::DriverLook look_;
  clock::time_point look_at_;
  ring::StallDetector stall_;
  bool recover_ = true;
  std::shared_ptr<StepGate> steps_;
  std::mt19937_64 random_;
  std::vector<clock::time_point> submitted_;
  std::vector<bool> answered_;
  GuestReport report_;
};

}  // namespace bellwire::in_process
