// SPDX-License-Identifier: BSD-3-Clause
//
// A VMM pauses its guest and resumes it. The back-end knows nothing of that, and raises meanwhile.
#include "host/scenario/scenario.hpp"
#include "host/scenario/small_vm.hpp"
#include "vdev/os/event_count.hpp"

namespace bellwire::host {

std::optional<Finding> play_pause(RunLog& run_log, bool defect) {
  SmallVm vm(run_log, {});
  vm.connect();
  vm.enable();
  vm.back_end().set_held(true);
  vm.submit();
  vm.msix().mask(0);
  vm.tell("VMM", "pauses the guest: the vector is masked, the call is no irqfd any more");
  vm.back_end().set_held(false);
  vm.settle();
  vm.tell("back-end", text("completes request 0 and raises: used index {}, call count {}",
                           vm.used(), os::event_count(vm.ring().call.fd()).value()));
  if (defect) {
    vm.ring().call.drain();
    vm.tell("VMM", "resumes, and drops the call's count: DEFECT");
  } else {
    vm.tell("VMM", "resumes: the vector is unmasked, and the count becomes an interrupt");
  }
  vm.msix().unmask(0).value();
  vm.take_interrupt();
  return watch(vm.watched());
}

}  // namespace bellwire::host
