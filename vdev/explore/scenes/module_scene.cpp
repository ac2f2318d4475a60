// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/explore/scenes/module_scene.hpp"

#include "vdev/explore/execution.hpp"
#include "vdev/explore/module/rig.h"

namespace bellwire::explore {
namespace {

ModuleScene* running = nullptr;

}  // namespace

unsigned ModuleScene::thread_number() noexcept {
  return Execution::current()->running() - first_thread;
}

ModuleScene& ModuleScene::current() noexcept {
  return *running;
}

void ModuleScene::reset() {
  RingScene::reset();
  running = this;
  bell_rig_reset(queue_.control);
}

}  // namespace bellwire::explore

using bellwire::explore::Execution;
using bellwire::explore::ModuleScene;

extern "C" {

void bell_explore_wait(const char* for_what, bool (*until)(const void* data), const void* data) {
  bellwire::explore::wait(for_what, [=] { return until(data); });
}

void bell_explore_note(const char* what, __u64 value) {
  if (auto* run = Execution::current()) run->note(std::string(what) + ": " + std::to_string(value));
}

unsigned bell_explore_thread_number() {
  return ModuleScene::thread_number();
}

void bell_explore_doorbell() {
  ModuleScene::current().ring_device();
}

}  // extern "C"
