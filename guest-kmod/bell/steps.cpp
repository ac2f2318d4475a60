// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/steps.hpp"
#include "guest-kmod/bell/print.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>

#include "vdev/trace/stages.hpp"
#include "vdev/trace/timeline.hpp"

namespace bell {
using bellwire::text;
namespace {

using Clock = std::chrono::steady_clock;
using bellwire::trace::Journey;
using bellwire::trace::Timeline;

constexpr auto ring_patience = std::chrono::seconds(10);
constexpr auto pause = std::chrono::milliseconds(2);  // the device is asleep again by then
constexpr std::uint64_t rings_for_clocks = 200;

// What a stage is called, after who does it.
struct Words {
  const char* text;
  std::string_view (*how)(const SessionOptions&);  // null: there is but one way
};

constexpr Words words[BELLWIRE_STAGES] = {
    {"process: request submitted, kick",
     [](const SessionOptions& chosen) { return name_of(chosen.kick); }},
    {"module: kick taken", [](const SessionOptions& chosen) { return name_of(chosen.worker); }},
    {"module: doorbell written", nullptr},
    {"woken by the ioeventfd", nullptr},
    {"request taken", nullptr},
    {"completion published", nullptr},
    {"interrupt raised", nullptr},
    {"module: MSI-X interrupt", nullptr},
    {"module: call signalled", nullptr},
    {"process: awake", [](const SessionOptions& chosen) { return name_of(chosen.wait); }},
    {"process: completion taken", nullptr},
};

Result<Timeline> record(Session& session, std::uint64_t rings) {
  bellwire::trace::Recorder recorder(BELLWIRE_GUEST_RECORDS);
  recorder.watch(0, session.raw_queue());
  for (std::uint64_t ring = 0; ring < rings; ++ring) {
    std::this_thread::sleep_for(pause);
    const auto completion = ring_once(session, ring);
    if (!completion) return completion.error();
    recorder.drain();
  }
  return make_timeline(recorder.stop(), bellwire::trace::Clocks::guest);
}

// Both sides slept, and were woken for it: either may have been awake by chance.
bool whole(const Journey& journey) {
  return journey.at[BELLWIRE_RUNG] && journey.at[BELLWIRE_RAISED] && journey.at[BELLWIRE_AWAKE];
}

void print_steps(const Journey& journey, std::uint64_t ring, const SessionOptions& options) {
  print("ring {:<7}  {:<44}{}\n", ring, "guest", "host");
  for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage) {
    if (!journey.at[stage]) continue;
    const bool host = bellwire::trace::stages[stage].side == BELLWIRE_DEVICE;
    const auto& [what, how] = words[stage];
    print("{:8.1f} µs  {:<{}}{}{}{}\n",
          (*journey.at[stage] - *journey.at[BELLWIRE_SUBMITTED]) / 1000, "", host ? 44 : 0,
          host ? text("{}: ", name_of(options.device)) : "", what,
          how != nullptr ? text(" ({})", how(options)) : "");
  }
}

}  // namespace

Result<bellwire_completion> ring_once(Session& session, std::uint64_t cookie) {
  auto& queue = session.queue();
  bellwire_request request{};
  request.cookie = cookie;
  queue.submit(request);
  auto deadline = Clock::now() + ring_patience;
  bool sleeps = queue.may_sleep();  // asked before the device hears of it: a call is sure to come
  if (queue.publish()) session.kick();
  for (;;) {
    if (sleeps) {
      session.wait();
      queue.awake();
    }
    if (auto completion = queue.take()) return *completion;
    if (const auto trouble = session.trouble()) return *trouble;
    if (queue.status() != BELLWIRE_QUEUE_OK)
      return bellwire::fault(std::errc::protocol_error, "the queue is broken (reason {})",
                             static_cast<int>(queue.status()));
    if (session.paused()) deadline = Clock::now() + ring_patience;
    if (Clock::now() > deadline)
      return bellwire::fault(std::errc::timed_out, "no completion for {} s", ring_patience.count());
    sleeps = queue.may_sleep();
  }
}

Result<void> tell_steps(const SessionOptions& options, std::uint64_t count) {
  auto session = Session::create(options);
  if (!session) return session.error();
  const auto timeline = record(*session, rings_for_clocks + count);
  if (!timeline) return timeline.error();
  std::vector<Journey> told;
  std::ranges::copy_if(timeline->journeys, std::back_inserter(told), whole);
  const auto skipped = told.size() - std::min<std::size_t>(told.size(), count);
  for (auto place = skipped; place < told.size(); ++place)
    print_steps(told[place], place - skipped + 1, options);
  print("The host's times are of another clock; they are right within ± {:.1f} µs.\n",
        timeline->uncertainty_ns / 1000);
  return {};
}

}  // namespace bell
