// SPDX-License-Identifier: BSD-3-Clause
//
// The guest's doorbell comes between SET_VRING_KICK and SET_VRING_ENABLE.
#include "host/scenario/scenario.hpp"
#include "host/scenario/scenarios/kicked_only.hpp"

namespace bellwire::host {

std::optional<Finding> play_early_kick(Story& story, bool defect) {
  Plan plan;
  if (defect) plan.peer = std::make_unique<KickedOnly>();
  Stand stand(story, std::move(plan));
  stand.connect();
  stand.tell("VMM", "sets up the ring: SET_VRING_KICK was sent, SET_VRING_ENABLE not yet");
  stand.offer();
  stand.tell("guest", "writes the doorbell");
  stand.ring_bell();
  stand.tell("back-end", text("leaves the disabled ring alone: used index {}", stand.used()));
  stand.tell("VMM", "sends SET_VRING_ENABLE");
  stand.enable();
  stand.tell("back-end", text("has served what it has seen: used index {}", stand.used()));
  stand.take_interrupt();
  return judge(stand.court());
}

}  // namespace bellwire::host
