// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/steps.hpp"
#include "guest-kmod/bell/print.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include "vdev/ring/words.hpp"

namespace bell {
using bellwire::text;
namespace {

using bellwire::ring::load;
using bellwire::ring::timestamp;
using Clock = std::chrono::steady_clock;

constexpr auto ring_patience = std::chrono::seconds(10);
constexpr auto pause = std::chrono::milliseconds(2);  // the device is asleep again by then
constexpr int rings_for_clocks = 200;

// The timestamps of one ring. Ticks of the TSC; seen and done are the host's.
struct Steps {
  std::int64_t submitted, kicked, seen, done, interrupted, taken;

  // Whether the module's two are this ring's: the device may have been awake without a doorbell.
  [[nodiscard]] bool whole() const {
    return submitted <= kicked && kicked <= interrupted && interrupted <= taken;
  }
};

Result<Steps> ring_traced(Session& session, std::uint64_t cookie) {
  std::this_thread::sleep_for(pause);
  Steps steps{};
  steps.submitted = static_cast<std::int64_t>(timestamp());
  const auto completion = ring_once(session, cookie);
  if (!completion) return completion.error();
  steps.taken = static_cast<std::int64_t>(timestamp());
  const auto& driver = session.control().driver;
  steps.kicked = static_cast<std::int64_t>(load(driver.kicked_at, bellwire::ring::acquire));
  steps.interrupted =
      static_cast<std::int64_t>(load(driver.interrupted_at, bellwire::ring::acquire));
  steps.seen = static_cast<std::int64_t>(completion->seen_at);
  steps.done = static_cast<std::int64_t>(completion->done_at);
  return steps;
}

// What the host's clock is ahead of the guest's. A request is seen after it was kicked, and its
// interrupt comes after it was done: each ring narrows the offset from both sides.
struct Offset {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();

  void narrow(const Steps& steps) {
    if (!steps.whole()) return;
    most = std::min(most, steps.seen - steps.kicked);
    least = std::max(least, steps.done - steps.interrupted);
  }
  [[nodiscard]] std::int64_t middle() const { return least + (most - least) / 2; }
};

struct Clocks {
  Offset offset;
  double ticks_per_us = 1;
};

Result<Clocks> compare_clocks(Session& session) {
  Clocks clocks;
  const auto began = Clock::now();
  const auto began_ticks = timestamp();
  for (std::uint64_t ring = 0; ring < rings_for_clocks; ++ring) {
    const auto steps = ring_traced(session, ring);
    if (!steps) return steps.error();
    clocks.offset.narrow(*steps);
  }
  const std::chrono::duration<double, std::micro> time = Clock::now() - began;
  clocks.ticks_per_us = static_cast<double>(timestamp() - began_ticks) / time.count();
  return clocks;
}

void print_steps(const Steps& steps, std::uint64_t ring, const SessionOptions& options,
                 const Clocks& clocks) {
  const auto ahead = clocks.offset.middle();
  const auto us = [&](std::int64_t ticks) {
    return static_cast<double>(ticks - steps.submitted) / clocks.ticks_per_us;
  };
  const auto guest = [&](std::int64_t ticks, const std::string& what) {
    print("{:8.1f} µs  {}\n", us(ticks), what);
  };
  const auto host = [&](std::int64_t ticks, const std::string& what) {
    print("{:8.1f} µs  {:<44}{}\n", us(ticks - ahead), "", what);
  };
  print("ring {:<7}  {:<44}{}\n", ring, "guest", "host");
  guest(steps.submitted, text("process: request submitted, kick ({})", name_of(options.kick)));
  guest(steps.kicked, text("module: kick taken ({}), doorbell written",
                           options.kick == Kick::direct ? "ioctl" : name_of(options.worker)));
  host(steps.seen, text("{}: woken by the ioeventfd", name_of(options.device)));
  host(steps.done, text("{}: completed, interrupt raised", name_of(options.device)));
  guest(steps.interrupted, "module: MSI-X interrupt, call signalled");
  guest(steps.taken, text("process: awake ({}), completion taken", name_of(options.wait)));
}

}  // namespace

Result<bellwire_completion> ring_once(Session& session, std::uint64_t cookie) {
  auto& queue = session.queue();
  bellwire_request request{};
  request.cookie = cookie;
  queue.submit(request);
  const auto deadline = Clock::now() + ring_patience;
  bool sleeps = queue.may_sleep();  // asked before the device hears of it: a call is sure to come
  if (queue.publish()) session.kick();
  for (;;) {
    if (sleeps) session.wait();
    if (auto completion = queue.take()) return *completion;
    if (queue.status() != BELLWIRE_QUEUE_OK)
      return bellwire::fault(std::errc::protocol_error, "the queue is broken (reason {})",
                             static_cast<int>(queue.status()));
    if (Clock::now() > deadline)
      return bellwire::fault(std::errc::timed_out, "no completion for {} s", ring_patience.count());
    sleeps = queue.may_sleep();
  }
}

Result<void> tell_steps(SessionOptions options, std::uint64_t count) {
  options.trace = true;
  auto session = Session::create(options);
  if (!session) return session.error();
  auto clocks = compare_clocks(*session);
  if (!clocks) return clocks.error();
  for (std::uint64_t ring = 1; ring <= count;) {
    const auto steps = ring_traced(*session, ring);
    if (!steps) return steps.error();
    if (!steps->whole()) continue;
    clocks->offset.narrow(*steps);
    print_steps(*steps, ring++, options, *clocks);
  }
  print("The host's times are of another clock; they are right within ± {:.1f} µs.\n",
        static_cast<double>(clocks->offset.most - clocks->offset.least) / 2 / clocks->ticks_per_us);
  return {};
}

}  // namespace bell
