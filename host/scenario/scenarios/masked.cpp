// SPDX-License-Identifier: BSD-3-Clause
//
// A guest masks its vector, and reads the pending bit until the interrupt has come.
#include "host/scenario/scenario.hpp"
#include "host/scenario/small_vm.hpp"
#include "vdev/os/event_count.hpp"

namespace bellwire::host {
namespace {

// The pending bits of a VMM that sets them only where it raises an interrupt itself. A back-end's
// interrupt is an eventfd's count, which goes to KVM past the VMM.
class OwnPendingBits {
 public:
  [[nodiscard]] bool pending() const noexcept { return pending_; }

 private:
  bool pending_ = false;  // nobody raises through this VMM here
};

bool comes_to_be_pending(const std::function<bool()>& pending) {
  constexpr int reads = 1000;
  for (int read = 0; read < reads; ++read)
    if (pending()) return true;
  return false;
}

}  // namespace

std::optional<Finding> play_masked(RunLog& run_log, bool defect) {
  SmallVm vm(run_log, {});
  vm.connect();
  vm.enable();
  vm.msix().mask(0);
  vm.tell("guest", "masks its vector, and will read the pending bit instead");
  vm.submit();
  const auto call_count = [&] { return os::event_count(vm.ring().call.fd()).value(); };
  vm.tell("back-end", text("completes request 0 and raises: used index {}, call count {}",
                           vm.used(), call_count()));
  const OwnPendingBits own;
  const auto pending = [&] { return defect ? own.pending() : vm.msix().pending(0); };
  if (comes_to_be_pending(pending)) {
    vm.tell("guest", text("reads the pending bit: 1; the call's count is {} now", call_count()));
    vm.msix().unmask(0).value();
    vm.take_interrupt();
  } else {
    vm.tell("guest",
            text("reads the pending bit, again and again: 0; call count {}: DEFECT", call_count()));
  }
  return watch(vm.watched());
}

}  // namespace bellwire::host
