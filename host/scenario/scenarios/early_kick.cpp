// SPDX-License-Identifier: BSD-3-Clause
//
// The guest's doorbell comes between SET_VRING_KICK and SET_VRING_ENABLE.
#include "host/scenario/scenario.hpp"
#include "host/scenario/scenarios/kicked_only.hpp"

namespace bellwire::host {

std::optional<Finding> play_early_kick(RunLog& run_log, bool defect) {
  Plan plan;
  if (defect) plan.peer = std::make_unique<KickedOnly>();
  SmallVm vm(run_log, std::move(plan));
  vm.connect();
  vm.tell("VMM", "sets up the ring: SET_VRING_KICK was sent, SET_VRING_ENABLE not yet");
  vm.offer();
  vm.tell("guest", "writes the doorbell");
  vm.ring_bell();
  vm.tell("back-end", text("leaves the disabled ring alone: used index {}", vm.used()));
  vm.tell("VMM", "sends SET_VRING_ENABLE");
  vm.enable();
  vm.tell("back-end", text("has served what it has seen: used index {}", vm.used()));
  vm.take_interrupt();
  return watch(vm.watched());
}

}  // namespace bellwire::host
