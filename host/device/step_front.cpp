// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/step_front.hpp"

#include <iostream>

#include "host/output/standard_output.hpp"

namespace bellwire::host {
namespace {

// Fast enough for a finger. Keys may come from a file, which no loop can wait for.
constexpr std::chrono::milliseconds between_looks{20};

}  // namespace

StepFront::StepFront(boost::asio::io_context& context, std::shared_ptr<steps::Stepper> stepper,
                     std::optional<std::chrono::milliseconds> every)
    : context_(context),
      timer_(context),
      stepper_(std::move(stepper)),
      pace_(every),
      screen_(steps::Screen::look_of_output(pace_.by_keys())) {
  look_on();
}

void StepFront::look_on() {
  timer_.expires_after(between_looks);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

void StepFront::look() {
  const auto held = stepper_->look();
  if (held.runs) return;
  if (held.stop && shown_ != held.stop) show(held);
  const auto sign = shown_ ? pace_.sign() : steps::Pace::Sign::none;
  if (sign == steps::Pace::Sign::run) return stepper_->run();
  if (sign == steps::Pace::Sign::next) {
    shown_.reset();
    stepper_->next();
  }
  look_on();
}

void StepFront::show(const steps::Stepper::Held& held) {
  shown_ = held.stop;
  pace_.held();
  std::cout << screen_.draw(*held.stop, held.values) << std::flush;
  if (output_lost()) context_.stop();
}

}  // namespace bellwire::host
