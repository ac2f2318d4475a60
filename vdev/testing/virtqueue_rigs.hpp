// SPDX-License-Identifier: BSD-3-Clause
//
// Rigs whose requests travel on virtqueues: by vhost-user, with our own front-end, and as a
// virtio-pci function, in this process or by vfio-user, with our own client.
#pragma once

#include "vdev/core/poll_time.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/testing/rig.hpp"

namespace bellwire::testing {

struct VirtqueuePlan {
  unsigned queues = 1;
  Echoes echoes = Echoes::at_once;
  bool packed = false;
  Polling polling = Polling::off;                                  ///< of the device
  machine::MachineFactory machine = machine::SoftMachine::create;  ///< what the wires are on
};

[[nodiscard]] Result<std::unique_ptr<Rig>> make_vhost_user_rig(const VirtqueuePlan& plan);
[[nodiscard]] Result<std::unique_ptr<Rig>> make_virtio_pci_rig(const VirtqueuePlan& plan);
[[nodiscard]] Result<std::unique_ptr<Rig>> make_vfio_user_virtio_rig(const VirtqueuePlan& plan);

}  // namespace bellwire::testing
