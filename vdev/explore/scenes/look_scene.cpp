// SPDX-License-Identifier: BSD-3-Clause
//
// A doorbell is lost, and so is an interrupt: the module looks, and does without.
#include "vdev/explore/module/rig.h"
#include "vdev/explore/scenes/module_scene.hpp"
#include "vdev/explore/scenes/scenes.hpp"

namespace bellwire::explore {
namespace {

class Look final : public ModuleScene {
 public:
  std::vector<Actor> begin() override {
    device_.reset();
    reset();
    doorbells_ = interrupts_ = 0;
    device_.emplace(queue_, line_->interrupt(), 1);
    return {{"driver", [this] { drive(); }},
            {"device", [this] { serve_all(); }},
            {"interrupt", [this] { take_interrupts(); }},
            {"looks", [this] { look(); }}};
  }

  void ring_device() override {
    if (++doorbells_ == lost_doorbell) return step("the doorbell is lost");
    doorbell_.ring();
  }

 private:
  static constexpr unsigned lost_doorbell = 2, lost_interrupt = 2;  // the first are the claim's

  std::uint32_t begin_generation() override { return bell_rig_begin_generation(); }
  void ring() override { bell_rig_ring(); }
  void sleep() override {
    wait("its call", [] { return bell_rig_calls() > 0; });
    bell_rig_take_calls();
  }

  void drive() {
    start();
    submit();
    while (next_answer_ < next_cookie_) {
      wait_for_completion();
      take();
    }
    finish();
  }

  void serve_all() {
    while (wait_for_doorbell()) serve(answers_, doorbell_.drain().value_or(0));
  }

  void take_interrupts() {
    while (true) {
      wait("an interrupt", [this] { return finished_ || rings(interrupt_) > 0; });
      if (finished_) return;
      take_rings(interrupt_);
      if (++interrupts_ == lost_interrupt)
        step("the interrupt is lost");
      else
        bell_rig_interrupt();
    }
  }

  void look() {
    while (true) {
      wait("a look", [this] { return finished_ || bell_rig_look_is_due(); });
      if (finished_) return;
      bell_rig_look();
      let_others_go_first();
    }
  }

  Answers answers_;
  unsigned doorbells_ = 0, interrupts_ = 0;
};

}  // namespace

std::unique_ptr<Scene> look_scene() {
  return std::make_unique<Look>();
}

}  // namespace bellwire::explore
