// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/manual_pair.hpp"

#include <stdexcept>

namespace bellwire::testing {
namespace {

constexpr std::chrono::milliseconds tick{BELLWIRE_BEAT_MS};
constexpr unsigned most_turns = 1'000'000;  // a device that has more to do never ends

}  // namespace

ManualPair::ManualPair(Device& device, unsigned queues)
    : device_(device),
      transport_(in_process::InProcess::create(context_, {.queues = queues}).value()) {
  start_device();
  const auto layout = ring::Layout::open(transport_->memory()).value();
  for (unsigned index = 0; index < queues; ++index) {
    const auto raw = layout.queue(index);
    queues_.emplace_back(raw, ring::begin_generation(raw));
    ring(index);
    device_sees_doorbell(index);
    guest_sees_interrupt(index);
  }
}

ManualPair::~ManualPair() {
  device_.stop();
}

void ManualPair::start_device() {
  auto attachment = transport_->attach(device_.registers()).value();
  doorbells_.clear();
  for (const auto& doorbell : attachment.doorbells)
    doorbells_.push_back(doorbell.duplicate().value());
  device_.start(std::move(attachment)).value();
}

bool ManualPair::ring_if_wanted(unsigned index) {
  const bool wanted = queue(index).publish();
  if (wanted) ring(index);
  return wanted;
}

bool ManualPair::guest_sees_interrupt(unsigned index) {
  return transport_->endpoint().take(index, std::chrono::milliseconds(0));
}

bool ManualPair::device_sees_doorbell(unsigned index) {
  const auto rings = doorbells_.at(index).drain();
  if (rings) turn(index, *rings);
  return rings.has_value();
}

void ManualPair::device_looks(unsigned index) {
  turn(index, 0);
}

void ManualPair::restart_device() {
  device_.stop();
  start_device();
}

const bellwire_device_line& ManualPair::device_line() const {
  return ring::Layout::open(transport_->memory()).value().device_line();
}

void ManualPair::turn(unsigned index, std::uint64_t rings) {
  for (unsigned turns = 0; turns < most_turns; ++turns)
    if (device_.on_doorbell(index, turns == 0 ? rings : 0) == Turn::done) return;
  throw std::runtime_error("the device always has more to do");
}

void ManualPair::pass(std::chrono::milliseconds time) {
  const auto ticks = (now_ + time) / tick - now_ / tick;
  for (auto count = ticks; count > 0; --count) device_.on_tick();
  now_ += time;
}

}  // namespace bellwire::testing
