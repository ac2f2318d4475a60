// SPDX-License-Identifier: BSD-3-Clause
//
// A VMM pauses its guest and resumes it. The back-end knows nothing of that, and raises meanwhile.
#include "host/scenario/rig.hpp"
#include "host/scenario/scenario.hpp"
#include "vdev/os/event_count.hpp"

namespace bellwire::host {

std::optional<Finding> play_pause(RunLog& run_log, bool defect) {
  Rig rig(run_log, {});
  rig.connect();
  rig.enable();
  rig.back_end().set_held(true);
  rig.submit();
  rig.msix().mask(0);
  rig.tell("VMM", "pauses the guest: the vector is masked, the call is no irqfd any more");
  rig.back_end().set_held(false);
  rig.settle();
  rig.tell("back-end", text("completes request 0 and raises: used index {}, call count {}",
                            rig.used(), os::event_count(rig.ring().call.fd()).value()));
  if (defect) {
    rig.ring().call.drain();
    rig.tell("VMM", "resumes, and drops the call's count: DEFECT");
  } else {
    rig.tell("VMM", "resumes: the vector is unmasked, and the count becomes an interrupt");
  }
  rig.msix().unmask(0).value();
  rig.take_interrupt();
  return watch(rig.watched());
}

}  // namespace bellwire::host
