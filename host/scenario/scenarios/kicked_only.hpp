// SPDX-License-Identifier: BSD-3-Clause
//
// KickedOnly: stands before a back-end that looks at a ring only when it is kicked. A kick before
// the ring is enabled is taken and forgotten; ENABLE alone makes it look at nothing. So ENABLE is
// kept back until the next kick: our own back-end would look at once. One thread.
#pragma once

#include "host/scenario/small_vm.hpp"

namespace bellwire::host {

class KickedOnly final : public Peer {
 public:
  void enable(SmallVm& vm) override {
    enabled_ = true;
    vm.tell("back-end", "notes ENABLE, and waits for a kick: DEFECT");
  }
  void kicked(SmallVm& vm) override {
    if (enabled_) return Peer::enable(vm);
    vm.ring().kick.drain();
    vm.tell("back-end", "takes the kick's count; the ring is disabled: it does nothing");
  }

 private:
  bool enabled_ = false;
};

}  // namespace bellwire::host
