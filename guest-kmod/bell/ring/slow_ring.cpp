// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/ring/slow_ring.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "guest-kmod/bell/output.hpp"
#include "vdev/steps/pace.hpp"
#include "vdev/steps/screen.hpp"

namespace bell {

using bellwire::fault;
using bellwire::text;
namespace {

using bellwire::steps::Pace;
using bellwire::steps::Stop;
using std::chrono::milliseconds;

// While it lives, these signals make a descriptor readable. Then they do what they do.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set_, number);
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
    fd_.reset(::signalfd(-1, &set_, SFD_CLOEXEC));
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  sigset_t set_{}, before_{};
  bellwire::os::UniqueFd fd_;
};

// What a harness says, a command per line.
class Commands {
 public:
  // Empty: no whole line is there. The end of the input is "run".
  std::optional<std::string> read() {
    pollfd entry{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    for (char letter = 0; ::poll(&entry, 1, 0) == 1;) {
      if (::read(STDIN_FILENO, &letter, 1) != 1) return "run";
      if (letter == '\n') return std::exchange(line_, {});
      line_ += letter;
    }
    return std::nullopt;
  }

 private:
  std::string line_;
};

class SlowRing {
 public:
  SlowRing(ClaimedQueue claimed, const SlowOptions& options)
      : claimed_(std::move(claimed)),
        lines_(options.by == "lines"),
        pace_(options.every, lines_ ? -1 : STDIN_FILENO),
        screen_(bellwire::steps::Screen::look_of_output(pace_.by_keys())) {}

  Result<void> run();

 private:
  void settle();
  Result<void> ring_once();
  Result<void> hold(bellwire_stage next, const char* function,
                    bellwire::SourceLine line = bellwire::SourceLine::here());
  Result<void> hold(Stop stop);
  Result<void> wait_for_call();
  Result<void> step_module();
  /// Waits for whatever comes first; shorter, if keys come from a file.
  Result<void> wait();
  void listen();
  void obey(const std::string& command);
  void let_run();
  void show();
  [[nodiscard]] bellwire::steps::Values values();
  /// Whether the call of the ring has come; it isn't taken.
  [[nodiscard]] bool called();
  [[nodiscard]] bool ready(int fd, short events) const;

  ClaimedQueue claimed_;
  const bool lines_;
  const Signals signals_;
  Pace pace_;
  bellwire::steps::Screen screen_;
  Commands commands_;
  std::optional<Stop> stop_;
  bool runs_ = false;
};

// The claim's own interrupt comes first: its call is taken, so that it is not shown as the ring's.
void SlowRing::settle() {
  constexpr int looks = 100;
  for (int look = 0; look < looks; ++look) {
    const auto info = claimed_.info();
    if (!info || info->interrupts > 0) break;
    claimed_.call().wait(milliseconds(10));
  }
  claimed_.call().take(false);
}

Result<void> SlowRing::run() {
  settle();
  if (auto on = claimed_.file().step(BELLWIRE_STEP_ON); !on) return on.error();
  auto rung = ring_once();
  if (rung && !lines_)
    print("\n  The ring is over: one request, one answer, and nothing was lost.\n");
  return rung;
}

// The same calls as those of publish_and_wait() and ring_once(), with a hold before each.
Result<void> SlowRing::ring_once() {
  auto& queue = claimed_.queue();
  bellwire_request request{};
  request.cookie = 1;
  queue.submit(request);
  if (auto held = hold(BELLWIRE_SUBMITTED, "publish"); !held) return held;
  static_cast<void>(queue.may_sleep());
  if (queue.publish()) claimed_.kick();
  if (auto called = wait_for_call(); !called) return called;
  if (auto held = hold(BELLWIRE_AWAKE, "take"); !held) return held;
  claimed_.call().take(true);
  queue.awake();
  if (auto held = hold(BELLWIRE_CONSUMED, "take"); !held) return held;
  const auto completion = queue.take();
  if (!completion || completion->cookie != request.cookie)
    return fault(std::errc::protocol_error, "the device called, and there is no answer");
  return {};
}

Result<void> SlowRing::hold(bellwire_stage next, const char* function, bellwire::SourceLine line) {
  return hold(bellwire::steps::stop_at({0, next, function, line}));
}

Result<void> SlowRing::hold(Stop stop) {
  if (runs_) return {};
  stop_ = std::move(stop);
  pace_.held();
  if (!lines_) show();
  while (stop_) {
    listen();
    if (!stop_) break;
    if (auto waited = wait(); !waited) return waited;
  }
  return {};
}

Result<void> SlowRing::wait_for_call() {
  while (!called()) {
    if (ready(claimed_.file().fd(), POLLPRI))
      if (auto stepped = step_module(); !stepped) return stepped;
    listen();
    if (const auto trouble = claimed_.trouble()) return *trouble;
    if (auto waited = wait(); !waited) return waited;
  }
  return {};
}

// The module's hop that is held.
Result<void> SlowRing::step_module() {
  const auto held = claimed_.file().step(BELLWIRE_STEP_SHOW);
  if (!held) return held.error();
  if (held->held >= BELLWIRE_STAGES) return {};
  if (auto let = hold({static_cast<bellwire_stage>(held->held), 0,
                       text("guest-kmod/module/{}", held->file), held->line, held->function});
      !let)
    return let;
  const auto done = claimed_.file().step(BELLWIRE_STEP_NEXT);
  return done ? Result<void>() : done.error();
}

// A call without an answer is somebody else's.
bool SlowRing::called() {
  if (!ready(claimed_.call().fd(), POLLIN)) return false;
  return claimed_.queue().has_completion() || claimed_.call().take(false);
}

bool SlowRing::ready(int fd, short events) const {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

Result<void> SlowRing::wait() {
  const bool asks = stop_ || lines_;
  std::array<pollfd, 4> entries{{
      {.fd = asks ? (lines_ ? STDIN_FILENO : pace_.fd()) : -1, .events = POLLIN, .revents = 0},
      {.fd = stop_ ? -1 : claimed_.file().fd(), .events = POLLPRI, .revents = 0},
      {.fd = stop_ ? -1 : claimed_.call().fd(), .events = POLLIN, .revents = 0},
      {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
  }};
  const auto left = stop_ ? pace_.left() : std::nullopt;
  ::poll(entries.data(), entries.size(), left ? static_cast<int>(left->count()) : -1);
  if (claimed_.gone()) return claimed_.gone_fault();
  if (entries[3].revents != 0) return fault(std::errc::operation_canceled, "a signal ended it");
  return {};
}

// What lets the hop happen that is held, if it has come.
void SlowRing::listen() {
  if (lines_) {
    while (const auto command = commands_.read()) {
      obey(*command);
      if (runs_) return;
    }
    return;
  }
  if (!stop_) return;
  const auto sign = pace_.sign();
  if (sign == Pace::Sign::run) let_run();
  if (sign == Pace::Sign::next) stop_.reset();
}

void SlowRing::obey(const std::string& command) {
  if (command == "run") let_run();
  if (command == "next") stop_.reset();
  print("{{\"stop\":{},\"runs\":{},\"values\":{}}}\n", bellwire::steps::json_of(stop_), runs_,
        bellwire::steps::json_of(values()));
  std::fflush(stdout);
}

// The module does what it holds, and holds no more.
void SlowRing::let_run() {
  runs_ = true;
  stop_.reset();
  static_cast<void>(claimed_.file().step(BELLWIRE_STEP_OFF));
}

void SlowRing::show() {
  print("{}", screen_.draw(*stop_, values()));
  std::fflush(stdout);
}

bellwire::steps::Values SlowRing::values() {
  auto values = bellwire::steps::values_of(claimed_.raw_queue());
  bellwire::steps::add_count(values, "kick", claimed_.kick_fd());
  bellwire::steps::add_count(values, "call", claimed_.call().fd());
  return values;
}

}  // namespace

Result<void> ring_slowly(const ClaimOptions& claim, const SlowOptions& options) {
  auto claimed = ClaimedQueue::create(claim);
  if (!claimed) return claimed.error();
  return SlowRing(std::move(*claimed), options).run();
}

}  // namespace bell
