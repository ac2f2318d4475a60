// SPDX-License-Identifier: BSD-3-Clause
//
// A process kicks, while another replaces the module's worker that waits for its kicks.
#include "vdev/explore/module/rig.h"
#include "vdev/explore/scenes/module_scene.hpp"
#include "vdev/explore/scenes/scenes.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::explore {
namespace {

class Worker final : public ModuleScene {
 public:
  explicit Worker(bellwire_worker kind) : kind_(kind) {}

  std::vector<Actor> begin() override {
    reset();
    rung_for_ = 0;
    return {{"process", [this] { kick_all(); }},
            {"owner", [this] { replace_worker(); }},
            {"thread", [this] { run_thread(); }},
            {"thread-2", [this] { run_thread(); }}};
  }

  void ring_device() override {
    step("rings the device");
    rung_for_ = ring::load(queue_.control->submit.submitted, ring::relaxed);
  }

  [[nodiscard]] std::string verdict() override {
    const auto taken = bell_rig_kicks_taken(), left = bell_rig_kicks_left();
    return taken + left == kicks
               ? ""
               : bellwire::text("{} kicks: {} taken, {} left", kicks, taken, left);
  }

 private:
  static constexpr std::uint32_t kicks = 2;

  void kick_all() {
    for (std::uint32_t kick = 1; kick <= kicks; ++kick) {
      ring::store(queue_.control->submit.submitted, kick, ring::release);
      step("kicks");
      bell_rig_kick();
    }
  }

  void replace_worker() {
    bell_rig_set_worker(kind_);
    bell_rig_set_worker(kind_);
    wait("the last ring", [this] { return rung_for_ == kicks; });
    bell_rig_set_worker(BELLWIRE_WORKER_NONE);
  }

  void run_thread() const {
    if (kind_ != BELLWIRE_WORKER_CALLBACK) bell_rig_run_thread();
  }

  const bellwire_worker kind_;
  std::uint32_t rung_for_ = 0;
};

}  // namespace

std::unique_ptr<Scene> reading_worker_scene() {
  return std::make_unique<Worker>(BELLWIRE_WORKER_READ);
}
std::unique_ptr<Scene> polling_worker_scene() {
  return std::make_unique<Worker>(BELLWIRE_WORKER_POLL);
}
std::unique_ptr<Scene> callback_worker_scene() {
  return std::make_unique<Worker>(BELLWIRE_WORKER_CALLBACK);
}

}  // namespace bellwire::explore
