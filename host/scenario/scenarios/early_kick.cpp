// SPDX-License-Identifier: BSD-3-Clause
//
// The guest's doorbell comes between SET_VRING_KICK and SET_VRING_ENABLE.
#include "host/scenario/scenario.hpp"
#include "host/scenario/scenarios/kicked_only.hpp"

namespace bellwire::host {

std::optional<Finding> play_early_kick(RunLog& run_log, bool defect) {
  Plan plan;
  if (defect) plan.peer = std::make_unique<KickedOnly>();
  Rig rig(run_log, std::move(plan));
  rig.connect();
  rig.tell("VMM", "sets up the ring: SET_VRING_KICK was sent, SET_VRING_ENABLE not yet");
  rig.offer();
  rig.tell("guest", "writes the doorbell");
  rig.ring_bell();
  rig.tell("back-end", text("leaves the disabled ring alone: used index {}", rig.used()));
  rig.tell("VMM", "sends SET_VRING_ENABLE");
  rig.enable();
  rig.tell("back-end", text("has served what it has seen: used index {}", rig.used()));
  rig.take_interrupt();
  return watch(rig.watched());
}

}  // namespace bellwire::host
