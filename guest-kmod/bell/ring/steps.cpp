// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/ring/steps.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>

#include "guest-kmod/bell/output.hpp"
#include "vdev/trace/records.hpp"
#include "vdev/trace/timeline.hpp"

namespace bell {

using bellwire::text;
namespace {

using Clock = std::chrono::steady_clock;
using bellwire::trace::Journey;
using bellwire::trace::Timeline;

constexpr auto ring_patience = std::chrono::seconds(10);
constexpr auto pause = std::chrono::milliseconds(2);  // long enough for the device to fall asleep
constexpr std::uint64_t rings_for_clocks = 200;

// The text of a stage.
struct StepText {
  const char* text;
  std::string_view (*how)(const ClaimOptions&);  // null: there is only one way
};

constexpr StepText words[BELLWIRE_STAGES] = {
    {"process: request submitted, kick",
     [](const ClaimOptions& chosen) { return name_of(chosen.kick); }},
    {"module: kick taken", [](const ClaimOptions& chosen) { return name_of(chosen.worker); }},
    {"module: doorbell written", nullptr},
    {"woken by the ioeventfd", nullptr},
    {"request taken", nullptr},
    {"completion published", nullptr},
    {"interrupt raised", nullptr},
    {"module: MSI-X interrupt", nullptr},
    {"module: call signalled", nullptr},
    {"process: awake", [](const ClaimOptions& chosen) { return name_of(chosen.wait); }},
    {"process: completion taken", nullptr},
};

Result<Timeline> record(ClaimedQueue& claimed, std::uint64_t rings) {
  bellwire::trace::Recorder recorder(BELLWIRE_GUEST_RECORDS);
  recorder.watch(0, claimed.raw_queue());
  for (std::uint64_t ring = 0; ring < rings; ++ring) {
    std::this_thread::sleep_for(pause);
    const auto completion = ring_once(claimed, ring);
    if (!completion) return completion.error();
    recorder.drain();
  }
  return make_timeline(recorder.stop(), bellwire::trace::Clocks::guest);
}

// Whether both sides slept and were woken: either may have been awake by chance.
bool whole(const Journey& journey) {
  return journey.at[BELLWIRE_RUNG] && journey.at[BELLWIRE_RAISED] && journey.at[BELLWIRE_AWAKE];
}

void print_ring(const Journey& journey, std::uint64_t ring, const ClaimOptions& options) {
  print("ring {:<7}  {:<44}{}\n", ring, "guest", "host");
  for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage) {
    if (!journey.at[stage]) continue;
    const bool host = bellwire::trace::stages[stage].side == BELLWIRE_DEVICE;
    const auto& [what, how] = words[stage];
    print("{:8.1f} µs  {:<{}}{}{}{}\n",
          (*journey.at[stage] - *journey.at[BELLWIRE_SUBMITTED]) / 1000, "", host ? 44 : 0,
          host ? options.device + ": " : "", what,
          how != nullptr ? text(" ({})", how(options)) : "");
  }
}

}  // namespace

Result<bellwire_completion> ring_once(ClaimedQueue& claimed, std::uint64_t cookie) {
  auto& queue = claimed.queue();
  bellwire_request request{};
  request.cookie = cookie;
  queue.submit(request);
  auto deadline = Clock::now() + ring_patience;
  bool sleeps = queue.may_sleep();  // asked before the device is rung: a call is sure to come
  if (queue.publish()) claimed.kick();
  for (;;) {
    if (sleeps) {
      claimed.wait();
      queue.awake();
    }
    if (auto completion = queue.take()) return *completion;
    if (const auto trouble = claimed.trouble()) return *trouble;
    if (queue.status() != BELLWIRE_QUEUE_OK)
      return bellwire::fault(std::errc::protocol_error, "the queue is broken (reason {})",
                             static_cast<int>(queue.status()));
    if (claimed.paused() || claimed.at_work()) deadline = Clock::now() + ring_patience;
    if (Clock::now() > deadline)
      return bellwire::fault(std::errc::timed_out, "no completion for {} s", ring_patience.count());
    sleeps = queue.may_sleep();
  }
}

Result<void> print_steps(const ClaimOptions& options, std::uint64_t count) {
  auto claimed = ClaimedQueue::create(options);
  if (!claimed) return claimed.error();
  const auto timeline = record(*claimed, rings_for_clocks + count);
  if (!timeline) return timeline.error();
  std::vector<Journey> shown;
  std::ranges::copy_if(timeline->journeys, std::back_inserter(shown), whole);
  const auto skipped = shown.size() - std::min<std::size_t>(shown.size(), count);
  for (auto place = skipped; place < shown.size(); ++place)
    print_ring(shown[place], place - skipped + 1, options);
  print("The host's times are of another clock; they are right within ± {:.1f} µs.\n",
        timeline->uncertainty_ns / 1000);
  return {};
}

}  // namespace bell
