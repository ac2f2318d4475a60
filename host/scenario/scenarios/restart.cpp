// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end is killed and started again. The guest has offered its buffer and rung for it before,
// as a network card's driver does for its receive ring, and has no reason to ring again.
#include "host/scenario/scenario.hpp"
#include "host/scenario/scenarios/kicked_only.hpp"

namespace bellwire::host {
namespace {

// Its first life is a good one: what matters is what the second does.
class KickedOnlyLater final : public Peer {
 public:
  void enable(SmallVm& vm) override {
    if (std::exchange(first_, false)) return Peer::enable(vm);
    later_.enable(vm);
  }
  void kicked(SmallVm& vm) override {
    if (!first_ && again_) later_.kicked(vm);
  }
  void set_again() noexcept { again_ = true; }

 private:
  KickedOnly later_;
  bool first_ = true, again_ = false;
};

}  // namespace

std::optional<Finding> play_restart(RunLog& run_log, bool defect) {
  Plan plan{.inflight = false};
  auto* const peer = defect ? new KickedOnlyLater : nullptr;
  if (peer != nullptr) plan.peer.reset(peer);
  SmallVm vm(run_log, std::move(plan));
  vm.connect();
  vm.enable();
  vm.back_end().set_held(true);
  vm.submit();
  vm.tell("back-end", text("takes request 0, has no answer yet: used index {}", vm.used()));
  vm.kill_back_end();
  if (peer != nullptr) peer->set_again();
  vm.tell("back-end", "is killed");
  vm.connect();
  vm.tell("VMM", text("sets the ring up in the new process: SET_VRING_BASE {}, available index {}",
                      vm.used(), vm.available()));
  vm.enable();
  vm.tell("back-end", text("has served what it has seen: used index {}", vm.used()));
  vm.take_interrupt();
  return watch(vm.watched());
}

}  // namespace bellwire::host
