// SPDX-License-Identifier: BSD-3-Clause
//
// Scenes of a queue whose device answers each request at once.
#include "vdev/explore/scenes/ring_scene.hpp"
#include "vdev/explore/scenes/scenes.hpp"

namespace bellwire::explore {
namespace {

// The driver sends `requests_`, as many together as it says, and sleeps whenever it has to wait.
class Sending : public RingScene {
 public:
  Sending(unsigned requests, unsigned together) : requests_(requests), together_(together) {}

  std::vector<Actor> begin() override {
    device_.reset();
    reset();
    device_.emplace(queue_, line_->interrupt(), 1);
    return {{"driver", [this] { drive(); }}, {"device", [this] { serve_all(); }}};
  }

 protected:
  virtual void drive() {
    start();
    send();
    finish();
  }

  void send() {
    while (next_answer_ <= requests_) {
      while (driver_->in_flight() < together_ && next_cookie_ <= requests_) submit();
      wait_for_completion();
      take();
    }
  }

  void serve_all() {
    while (wait_for_doorbell()) serve_once();
  }
  virtual void serve_once() { serve(answers_, doorbell_.drain().value_or(0)); }

  Answers answers_;

 private:
  const unsigned requests_, together_;
};

// The driver leaves a request in flight, resets the queue, and goes on.
class Generation final : public Sending {
 public:
  Generation() : Sending(2, 1) {}

 private:
  void drive() override {
    start();
    submit();
    if (driver_->publish()) doorbell_.ring();
    ring::end_generation(queue_);
    next_answer_ = next_cookie_;
    start();
    send();
    finish();
  }
};

// The device stops after it has served something, and a new start goes on with the same memory.
class Restart final : public Sending {
 public:
  Restart() : Sending(3, 2) {}

  std::vector<Actor> begin() override {
    turns_ = 0;
    return Sending::begin();
  }

 private:
  void serve_once() override {
    const auto rings = doorbell_.drain().value_or(0);
    device_->turn(answers_, rings);
    if (++turns_ == 2) device_.emplace(queue_, line_->interrupt(), 2);
    serve(answers_, 0);
  }

  unsigned turns_ = 0;
};

}  // namespace

std::unique_ptr<Scene> sleep_scene() {
  return std::make_unique<Sending>(2, 1);
}
std::unique_ptr<Scene> full_ring_scene() {
  return std::make_unique<Sending>(3, 2);
}
std::unique_ptr<Scene> generation_scene() {
  return std::make_unique<Generation>();
}
std::unique_ptr<Scene> restart_scene() {
  return std::make_unique<Restart>();
}

}  // namespace bellwire::explore
