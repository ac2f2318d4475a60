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
  void enable(Stand& stand) override {
    if (std::exchange(first_, false)) return Peer::enable(stand);
    later_.enable(stand);
  }
  void kicked(Stand& stand) override {
    if (!first_ && again_) later_.kicked(stand);
  }
  void set_again() noexcept { again_ = true; }

 private:
  KickedOnly later_;
  bool first_ = true, again_ = false;
};

}  // namespace

std::optional<Finding> play_restart(Story& story, bool defect) {
  Plan plan{.inflight = false};
  auto* const peer = defect ? new KickedOnlyLater : nullptr;
  if (peer != nullptr) plan.peer.reset(peer);
  Stand stand(story, std::move(plan));
  stand.connect();
  stand.enable();
  stand.back_end().set_held(true);
  stand.submit();
  stand.tell("back-end", text("takes request 0, has no answer yet: used index {}", stand.used()));
  stand.kill();
  if (peer != nullptr) peer->set_again();
  stand.tell("back-end", "is killed");
  stand.connect();
  stand.tell("VMM",
             text("sets the ring up in the new process: SET_VRING_BASE {}, available index {}",
                  stand.used(), stand.available()));
  stand.enable();
  stand.tell("back-end", text("has served what it has seen: used index {}", stand.used()));
  stand.take_interrupt();
  return judge(stand.court());
}

}  // namespace bellwire::host
