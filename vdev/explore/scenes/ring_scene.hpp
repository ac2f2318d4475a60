// SPDX-License-Identifier: BSD-3-Clause
//
// RingScene: the wires and the memory of one queue, with the product's code on both sides. The
// driver's process plays the module as well, as it does without a VM: it writes the doorbell and
// takes the interrupt by itself. A scene with a module overrides that.
#pragma once

#include <array>
#include <optional>

#include "vdev/core/interrupt.hpp"
#include "vdev/explore/scene.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_queue.hpp"

namespace bellwire::explore {

class RingScene : public Scene {
 protected:
  static constexpr std::uint32_t entries = 2;

  RingScene() : doorbell_(os::EventFd::create().value()) {}

  /// Blank memory, and a line that is bound. What the derived scene has of queues goes first.
  void reset();

  [[nodiscard]] std::string verdict() override { return {}; }
  [[nodiscard]] std::string name_of(const void* place) const override;

  // The driver. Its requests' cookies are 1, 2, and so on.
  void claim();
  /// Has the device see that there is a generation, and waits until it serves that.
  void start();
  void submit();
  /// Publishes, rings if it is wanted, and sleeps unless there is a completion.
  void wait_for_completion();
  /// Takes what is there, and checks it: each once, in order.
  void take();
  void finish();

  // The wires, as the driver sees them.
  virtual std::uint32_t begin_generation() { return ring::begin_generation(queue_); }
  virtual void ring() { doorbell_.ring(); }
  /// Until the device or the module signals.
  virtual void sleep();

  // The device.
  /// False: the driver has finished, and there is nothing more to do.
  bool wait_for_doorbell();
  template <class Handler>
  void serve(Handler& handler, std::uint64_t rings) {
    while (device_->turn(handler, std::exchange(rings, 0)) == Turn::more) step("goes on");
  }

  os::EventFd doorbell_;
  std::optional<InterruptLine> line_;
  int interrupt_ = -1;  // the descriptor of the eventfd that the line is bound to
  ring::Queue queue_{};
  std::optional<ring::DriverQueue> driver_;
  std::optional<ring::DeviceQueue> device_;
  std::uint64_t next_cookie_ = 1, next_answer_ = 1;
  bool finished_ = false;

 private:
  alignas(4096) std::array<std::byte, 16384> memory_{};
};

/// Answers each request with its cookie.
struct Answers final : ring::RequestHandler {
  ring::Reply serve(const ring::Request& request) noexcept override {
    return {.result = request.cookie};
  }
};

}  // namespace bellwire::explore
