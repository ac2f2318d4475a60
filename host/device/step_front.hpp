// SPDX-License-Identifier: BSD-3-Clause
//
// StepFront: shows on standard output where a ring is held in slow motion, and lets it go on by
// keys or by time. On the thread that runs the context, which it stops when the output is lost.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "vdev/steps/pace.hpp"
#include "vdev/steps/screen.hpp"
#include "vdev/steps/stepper.hpp"

namespace bellwire::host {

class StepFront {
 public:
  StepFront(boost::asio::io_context& context, std::shared_ptr<steps::Stepper> stepper,
            std::optional<std::chrono::milliseconds> every);

 private:
  void look_on();
  void look();
  void show(const steps::Stepper::Held& held);

  boost::asio::io_context& context_;
  boost::asio::steady_timer timer_;
  const std::shared_ptr<steps::Stepper> stepper_;
  steps::Pace pace_;
  steps::Screen screen_;
  std::optional<steps::Stop> shown_;
};

}  // namespace bellwire::host
