// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/hang.hpp"

#include <array>

#include "vdev/ring/words.hpp"

namespace bellwire::ring {
namespace {

struct Words {
  const char* was;
  const char* never;
};

// By stage; a request that was consumed does not hang.
constexpr std::array<Words, BELLWIRE_CONSUMED> hang_words{{
    {"submitted", "its kick never seen: lost kick"},
    {"kick seen by the kernel", "no doorbell written: stuck module"},
    {"doorbell written", "never seen by the device: lost kick"},
    {"device awake", "never took it: stuck device"},
    {"taken by the device", "never completed: stuck device"},
    {"completion posted", "no interrupt raised: stuck device"},
    {"completion posted and interrupt raised", "no interrupt taken: lost interrupt"},
    {"interrupt taken", "nobody called: no call eventfd"},
    {"call eventfd signalled", "process never awake: lost call"},
    {"process awake", "never took the completion: stuck process"},
}};

class Sight {
 public:
  explicit Sight(const Queue& queue) noexcept
      : control_(*queue.control),
        generation_(load(control_.driver.generation, acquire)),
        request_(load(control_.consume.consumed, acquire)),
        completed_(load(control_.complete.completed, acquire)),
        submitted_(load(control_.submit.submitted, acquire)) {}

  [[nodiscard]] std::optional<Hang> hang() const noexcept {
    const bool served = generation_ % 2 == 1 &&
                        load(control_.status.generation, acquire) == generation_ &&
                        load(control_.status.status, acquire) == BELLWIRE_QUEUE_OK;
    if (!served || request_ == submitted_) return std::nullopt;
    const auto last = completed_ == request_ ? on_way_there() : on_way_back();
    return last ? std::optional(Hang{generation_, request_, *last}) : std::nullopt;
  }

 private:
  // A device that waits for no ring is awake, and should look by itself.
  [[nodiscard]] std::optional<bellwire_stage> on_way_there() const noexcept {
    if (reached(BELLWIRE_DEVICE, BELLWIRE_TAKEN)) return BELLWIRE_TAKEN;
    if (load(control_.doorbell.doorbell_event, acquire) != completed_ ||
        reached(BELLWIRE_DEVICE, BELLWIRE_WOKEN))
      return BELLWIRE_WOKEN;
    if (reached(BELLWIRE_MODULE, BELLWIRE_RUNG)) return BELLWIRE_RUNG;
    return reached(BELLWIRE_MODULE, BELLWIRE_KICKED) ? BELLWIRE_KICKED : BELLWIRE_SUBMITTED;
  }

  // A driver that waits for no interrupt is awake, and takes what it wants when it wants.
  [[nodiscard]] std::optional<bellwire_stage> on_way_back() const noexcept {
    if (load(control_.consume.interrupt_event, acquire) != request_) return std::nullopt;
    if (reached(BELLWIRE_PROCESS, BELLWIRE_AWAKE)) return BELLWIRE_AWAKE;
    if (reached(BELLWIRE_MODULE, BELLWIRE_SIGNALLED)) return BELLWIRE_SIGNALLED;
    if (reached(BELLWIRE_MODULE, BELLWIRE_INTERRUPTED)) return BELLWIRE_INTERRUPTED;
    return reached(BELLWIRE_DEVICE, BELLWIRE_RAISED) ? BELLWIRE_RAISED : BELLWIRE_POSTED;
  }

  [[nodiscard]] bool reached(bellwire_side side, bellwire_stage stage) const noexcept {
    const auto below = load(control_.sides[side].last[stage], acquire);
    return static_cast<std::int32_t>(below - request_) > 0;
  }

  const bellwire_queue_control& control_;
  std::uint32_t generation_, request_, completed_, submitted_;
};

}  // namespace

std::optional<Hang> find_hang(const Queue& queue) noexcept {
  return Sight(queue).hang();
}

std::string describe(const Hang& hang, std::chrono::duration<double> age) {
  const auto& [was, never] = hang_words[hang.last];
  return text("request {}: {} {:.1f} s ago, {}", hang.request, was, age.count(), never);
}

std::optional<std::string> Watchdog::look(Clock::time_point now) {
  const auto seen = find_hang(queue_);
  if (seen != seen_) {
    seen_ = seen;
    since_ = now;
    told_ = false;
  }
  if (!watching() || now - since_ < patience) return std::nullopt;
  told_ = true;
  return describe(*seen_, now - since_);
}

}  // namespace bellwire::ring
