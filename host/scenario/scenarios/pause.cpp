// SPDX-License-Identifier: BSD-3-Clause
//
// A VMM pauses its guest and resumes it. The back-end knows nothing of that, and raises meanwhile.
#include "host/scenario/scenario.hpp"
#include "host/scenario/stand.hpp"
#include "vdev/os/event_count.hpp"

namespace bellwire::host {

std::optional<Finding> play_pause(Story& story, bool defect) {
  Stand stand(story, {});
  stand.connect();
  stand.enable();
  stand.back_end().set_held(true);
  stand.submit();
  stand.msix().mask(0);
  stand.tell("VMM", "pauses the guest: the vector is masked, the call is no irqfd any more");
  stand.back_end().set_held(false);
  stand.settle();
  stand.tell("back-end", text("completes request 0 and raises: used index {}, call count {}",
                              stand.used(), os::event_count(stand.ring().call.fd()).value()));
  if (defect) {
    stand.ring().call.drain();
    stand.tell("VMM", "resumes, and drops the call's count: DEFECT");
  } else {
    stand.tell("VMM", "resumes: the vector is unmasked, and the count becomes an interrupt");
  }
  stand.msix().unmask(0).value();
  stand.take_interrupt();
  return judge(stand.court());
}

}  // namespace bellwire::host
