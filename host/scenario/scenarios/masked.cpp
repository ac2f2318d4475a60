// SPDX-License-Identifier: BSD-3-Clause
//
// A guest masks its vector, and reads the pending bit until the interrupt has come.
#include "host/scenario/scenario.hpp"
#include "host/scenario/stand.hpp"
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

std::optional<Finding> play_masked(Story& story, bool defect) {
  Stand stand(story, {});
  stand.connect();
  stand.enable();
  stand.msix().mask(0);
  stand.tell("guest", "masks its vector, and will read the pending bit instead");
  stand.submit();
  const auto call_count = [&] { return os::event_count(stand.ring().call.fd()).value(); };
  stand.tell("back-end", text("completes request 0 and raises: used index {}, call count {}",
                              stand.used(), call_count()));
  const OwnPendingBits own;
  const auto pending = [&] { return defect ? own.pending() : stand.msix().pending(0); };
  if (comes_to_be_pending(pending)) {
    stand.tell("guest", text("reads the pending bit: 1; the call's count is {} now", call_count()));
    stand.msix().unmask(0).value();
    stand.take_interrupt();
  } else {
    stand.tell("guest", text("reads the pending bit, again and again: 0; call count {}: DEFECT",
                             call_count()));
  }
  return judge(stand.court());
}

}  // namespace bellwire::host
