// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/device/claimed_queue.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "guest-kmod/bell/output.hpp"

namespace bell {
namespace {

using bellwire::ring::DriverWatch;
using bellwire::ring::Heartbeat;

constexpr std::chrono::milliseconds ask_why_after{1000};
constexpr auto serve_patience = std::chrono::seconds(10);
constexpr std::chrono::milliseconds settle_pause{100};
constexpr int settle_looks = 20;

bellwire::ring::Queue queue_in(const bellwire::os::Mapping& mapping, const bellwire_claim& claim) {
  const std::span bytes(mapping.data(), mapping.size());
  return bellwire::ring::Queue::over(bytes, {claim.ring_entries, claim.trace_entries});
}

}  // namespace

ClaimedQueue::ClaimedQueue(const ClaimOptions& options, DeviceFile file, CallEventFd call,
                           bellwire::os::UniqueFd kick, bellwire::os::Mapping mapping,
                           bellwire::os::MemoryGuard guard, const bellwire_claim& claim)
    : options_(options),
      file_(std::move(file)),
      call_(std::move(call)),
      kick_(std::move(kick)),
      mapping_(std::move(mapping)),
      guard_(std::move(guard)),
      raw_(queue_in(mapping_, claim)),
      queue_(raw_, claim.generation),
      watch_(raw_) {}

Result<ClaimedQueue> ClaimedQueue::create(const ClaimOptions& options) {
  auto file = find_device(options.device);
  if (!file) return file.error();
  const auto claim = file->claim(BELLWIRE_ANY_QUEUE, options.recover ? 0 : BELLWIRE_CLAIM_NO_LOOKS);
  if (!claim) return claim.error();

  auto call = CallEventFd::create(options.wait);
  if (!call) return call.error();
  if (auto set = file->set_call(call->fd()); !set) return set.error();

  bellwire::os::UniqueFd kick(::eventfd(0, EFD_CLOEXEC));
  if (!kick.valid()) return bellwire::system_fault("cannot make the kick eventfd");
  if (auto set = file->set_kick(kick.get(), options.worker); !set) return set.error();

  auto mapping = file->map(*claim);
  if (!mapping) return mapping.error();
  auto guard = bellwire::os::MemoryGuard::create({mapping->data(), mapping->size()});
  if (!guard) return guard.error();
  ClaimedQueue claimed(options, std::move(*file), std::move(*call), std::move(kick),
                       std::move(*mapping), std::move(*guard), *claim);
  if (auto served = claimed.wait_until_served(); !served) return served.error();
  return claimed;
}

void ClaimedQueue::kick() noexcept {
  constexpr std::uint64_t one = 1;
  if (lost_ == LostHop::kick) return;
  if (lost_ == LostHop::call) static_cast<void>(file_.set_call(-1));
  switch (options_.kick) {
    case Kick::ioctl:
      file_.kick();
      return;
    case Kick::direct:
      file_.ring();
      return;
    case Kick::eventfd:
      [[maybe_unused]] const auto size = ::write(kick_.get(), &one, sizeof one);
      return;
  }
}

void ClaimedQueue::wait(std::chrono::duration<double> passed) {
  if (!called(passed))
    find_out_why();
  else if (watch_.suspects())
    settle();
  if (lost_ == LostHop::call) static_cast<void>(file_.set_call(call_.fd()));
  lost_.reset();
}

bool ClaimedQueue::called(std::chrono::duration<double> passed) noexcept {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(ask_why_after - passed);
  if (left.count() <= 0) return call_.take(queue_.has_completion()) && lost_ != LostHop::wake;
  const bool slept = left > ask_why_after * 9 / 10;  // and not polled most of the time
  return slept && lost_ != LostHop::wake ? call_.wait() : called_within(left);
}

bool ClaimedQueue::called_within(std::chrono::milliseconds time) noexcept {
  if (lost_ != LostHop::wake) return call_.wait(time);
  std::this_thread::sleep_for(time);
  return false;
}

void ClaimedQueue::find_out_why() {
  for (auto now = signs(); now; now = signs()) {
    const auto advice = watch_.look(Heartbeat::Clock::now(), *now);
    report();
    if (advice == DriverWatch::Advice::done) return;
    if (advice == DriverWatch::Advice::ring) file_.ring();
    if (called_within(DriverWatch::pause)) return settle();
  }
}

void ClaimedQueue::settle() {
  for (int looks = 0; looks < settle_looks; ++looks) {
    const auto now = signs();
    if (!now || watch_.settle(Heartbeat::Clock::now(), *now)) return report();
    std::this_thread::sleep_for(settle_pause);
  }
  watch_.give_up(Heartbeat::Clock::now());
  report();
}

// To be called at once: a completion that came without its interrupt is taken next.
void ClaimedQueue::report() {
  if (const auto found = watch_.report()) complain("{}", *found);
}

// Empty: there is no device behind the file any more. A doorbell that the module recovered is no
// longer missing.
std::optional<bellwire::ring::DeviceSigns> ClaimedQueue::signs() const {
  const auto info = file_.info();
  if (!info) return std::nullopt;
  return bellwire::ring::DeviceSigns{info->state, info->incarnation, info->beat,
                                     info->doorbells - info->recovered_doorbells};
}

std::optional<Error> ClaimedQueue::trouble() const {
  if (file_.gone() || memory_lost()) return file_.gone_fault();
  if (const auto why = watch_.hopeless(Heartbeat::Clock::now()))
    return bellwire::fault(std::errc::timed_out, "{}", *why);
  return std::nullopt;
}

Result<void> ClaimedQueue::reset() {
  const auto claim = file_.reset();
  if (!claim) return claim.error();
  queue_ = bellwire::ring::DriverQueue(raw_, claim->generation);
  return wait_until_served();
}

// The claim rang, and this rings again after every wait that was in vain: a device that runs beats
// between two rings. While the device is paused, time does not count.
Result<void> ClaimedQueue::wait_until_served() {
  auto since = Heartbeat::Clock::now();
  bool was_paused = false;
  Heartbeat heartbeat;
  if (const auto now = signs()) heartbeat.begin(since, *now);
  while (!queue_.ready()) {
    if (call_.wait()) continue;
    const auto now = Heartbeat::Clock::now();
    const auto seen = signs();
    if (!seen) return file_.gone_fault();
    if (heartbeat.look(now, *seen) == Heartbeat::Health::paused) {
      since = now;
      if (!std::exchange(was_paused, true))
        complain("{}: the device is paused: it has served no queue for over a second",
                 file_.path());
    }
    if (now - since > serve_patience)
      return bellwire::fault(std::errc::timed_out,
                             "{}: the device does not serve the queue; is it running on the host?",
                             file_.path());
    file_.ring();
    heartbeat.begin(now, *seen);
  }
  if (was_paused) complain("{}: the device was paused, and goes on", file_.path());
  if (const auto now = signs()) watch_.begin(*now);
  return {};
}

}  // namespace bell
