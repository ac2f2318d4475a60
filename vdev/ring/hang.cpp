// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/hang.hpp"

#include <array>

#include "vdev/ring/words.hpp"

namespace bellwire::ring {
namespace {

struct Words {
  const char* was;
  const char* never;
  const char* cause;
  std::optional<bellwire_hop> hop;
};

// By stage; a request that was consumed does not hang.
constexpr std::array<Words, BELLWIRE_CONSUMED> hang_words{{
    {"submitted", "its kick never seen", "lost kick", BELLWIRE_HOP_KICK},
    {"kick seen by the kernel", "no doorbell written", "stuck module", {}},
    {"doorbell written", "never seen by the device", "lost doorbell", BELLWIRE_HOP_DOORBELL},
    {"device awake", "never took it", "stuck device", {}},
    {"taken by the device", "not completed yet", "the device is at work on it", {}},
    {"completion posted", "no interrupt raised", "stuck device", {}},
    {"completion posted and interrupt raised", "no interrupt taken", "lost interrupt",
     BELLWIRE_HOP_INTERRUPT},
    {"interrupt taken", "call never signalled", "lost call", BELLWIRE_HOP_CALL},
    {"call eventfd signalled", "process never awake", "lost wake", BELLWIRE_HOP_WAKE},
    {"process awake", "never took the completion", "stuck process", {}},
}};

class HangFinder {
 public:
  explicit HangFinder(const Queue& queue) noexcept
      : queue_(queue),
        control_(*queue.control),
        generation_(load(control_.driver.generation, acquire)),
        request_(load(control_.consume.consumed, acquire)),
        completed_(load(control_.complete.completed, acquire)),
        submitted_(load(control_.submit.submitted, acquire)) {}

  [[nodiscard]] std::optional<Hang> hang() const noexcept {
    const bool served = generation_ % 2 == 1 &&
                        load(control_.status.generation, acquire) == generation_ &&
                        load(control_.status.status, acquire) == BELLWIRE_QUEUE_OK;
    if (!served || request_ == submitted_) return std::nullopt;
    return completed_ == request_ ? way_there() : way_back();
  }

 private:
  // The device may be at work on the oldest ones, and sleep until it is rung for the next.
  [[nodiscard]] std::optional<Hang> way_there() const noexcept {
    if (!has(BELLWIRE_TAKEN, request_)) return hang(request_, before_taken(request_));
    const auto next = load(control_.sides[BELLWIRE_DEVICE].last[BELLWIRE_TAKEN], acquire);
    const bool waits = load(control_.doorbell.doorbell_event, acquire) == next;
    if (!waits || static_cast<std::int32_t>(submitted_ - next) <= 0)
      return hang(request_, BELLWIRE_TAKEN);
    return hang(next, before_taken(next));
  }

  // A device that does not wait for a ring is awake, and should look by itself.
  [[nodiscard]] bellwire_stage before_taken(std::uint32_t request) const noexcept {
    if (load(control_.doorbell.doorbell_event, acquire) != request || has(BELLWIRE_WOKEN, request))
      return BELLWIRE_WOKEN;
    if (has(BELLWIRE_RUNG, request)) return BELLWIRE_RUNG;
    return has(BELLWIRE_KICKED, request) ? BELLWIRE_KICKED : BELLWIRE_SUBMITTED;
  }

  // A driver that does not wait for an interrupt is awake, and takes completions whenever it likes.
  [[nodiscard]] std::optional<Hang> way_back() const noexcept {
    if (load(control_.consume.interrupt_event, acquire) != request_) return std::nullopt;
    for (const auto stage :
         {BELLWIRE_AWAKE, BELLWIRE_SIGNALLED, BELLWIRE_INTERRUPTED, BELLWIRE_RAISED})
      if (has(stage, request_)) return hang(request_, stage);
    return hang(request_, BELLWIRE_POSTED);
  }

  [[nodiscard]] Hang hang(std::uint32_t request, bellwire_stage last) const noexcept {
    return {generation_, request, last};
  }
  [[nodiscard]] bool has(bellwire_stage stage, std::uint32_t request) const noexcept {
    return reached(queue_, stage, request);
  }

  const Queue& queue_;
  const bellwire_queue_control& control_;
  std::uint32_t generation_, request_, completed_, submitted_;
};

constexpr bellwire_side side_of(bellwire_stage stage) noexcept {
  if (stage == BELLWIRE_SUBMITTED || stage >= BELLWIRE_AWAKE) return BELLWIRE_PROCESS;
  return stage >= BELLWIRE_WOKEN && stage <= BELLWIRE_RAISED ? BELLWIRE_DEVICE : BELLWIRE_MODULE;
}

}  // namespace

std::optional<Hang> find_hang(const Queue& queue) noexcept {
  if (in_slow_motion(queue)) return std::nullopt;
  return HangFinder(queue).hang();
}

bool in_slow_motion(const Queue& queue) noexcept {
  return (load(queue.control->recording.recording, acquire) &
          (BELLWIRE_HOST_STEPS | BELLWIRE_GUEST_STEPS)) != 0;
}

bool reached(const Queue& queue, bellwire_stage stage, std::uint32_t request) noexcept {
  const auto below = load(queue.control->sides[side_of(stage)].last[stage], acquire);
  return static_cast<std::int32_t>(below - request) > 0;
}

std::optional<bellwire_hop> hop_after(bellwire_stage stage) noexcept {
  return stage < hang_words.size() ? hang_words[stage].hop : std::nullopt;
}

bellwire_stage stage_before(bellwire_hop hop) noexcept {
  constexpr std::array<bellwire_stage, BELLWIRE_HOPS> stages{
      BELLWIRE_SUBMITTED, BELLWIRE_RUNG, BELLWIRE_RAISED, BELLWIRE_INTERRUPTED, BELLWIRE_SIGNALLED};
  return stages[hop];
}

std::string describe(const Hang& hang, std::chrono::duration<double> age) {
  return describe(hang, age, hang_words[hang.last].cause);
}

std::string describe(const Hang& hang, std::chrono::duration<double> age,
                     const std::string& cause) {
  const auto& words = hang_words[hang.last];
  return text("request {}: {} {:.1f} s ago, {}: {}", hang.request, words.was, age.count(),
              words.never, cause);
}

}  // namespace bellwire::ring
