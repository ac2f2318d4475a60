// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/session.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace bell {
namespace {

constexpr auto serve_patience = std::chrono::seconds(10);

bellwire::ring::Queue queue_in(const bellwire::os::Mapping& mapping, const bellwire_claim& claim) {
  const std::span bytes(mapping.data(), mapping.size());
  return bellwire::ring::Queue::over(bytes, {claim.ring_entries, claim.trace_entries});
}

}  // namespace

Session::Session(const SessionOptions& options, DeviceFile file, CallEvent call,
                 bellwire::os::UniqueFd kick, bellwire::os::Mapping mapping,
                 const bellwire_claim& claim)
    : options_(options),
      file_(std::move(file)),
      call_(std::move(call)),
      kick_(std::move(kick)),
      mapping_(std::move(mapping)),
      raw_(queue_in(mapping_, claim)),
      queue_(raw_, claim.generation) {}

Result<Session> Session::create(const SessionOptions& options) {
  auto file = find_device(std::string(name_of(options.device)));
  if (!file) return file.error();
  const auto claim = file->claim(BELLWIRE_ANY_QUEUE);
  if (!claim) return claim.error();

  auto call = CallEvent::create(options.wait);
  if (!call) return call.error();
  if (auto set = file->set_call(call->fd()); !set) return set.error();

  bellwire::os::UniqueFd kick(::eventfd(0, EFD_CLOEXEC));
  if (!kick.valid()) return bellwire::system_fault("cannot make the kick eventfd");
  if (auto set = file->set_kick(kick.get(), options.worker); !set) return set.error();

  auto mapping = file->map(*claim);
  if (!mapping) return mapping.error();
  Session session(options, std::move(*file), std::move(*call), std::move(kick), std::move(*mapping),
                  *claim);
  if (auto served = session.wait_until_served(); !served) return served.error();
  return session;
}

void Session::kick() noexcept {
  constexpr std::uint64_t one = 1;
  if (lost_ == Hop::kick) return;
  if (lost_ == Hop::call) static_cast<void>(file_.set_call(-1));
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

void Session::wait() noexcept {
  hang_.reset();
  if (!called()) look_for_hang();
  if (lost_ == Hop::call) static_cast<void>(file_.set_call(call_.fd()));
  lost_.reset();
}

bool Session::called() noexcept {
  if (lost_ != Hop::wake) return call_.wait();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return false;
}

// What is only late has come by the second time.
void Session::look_for_hang() noexcept {
  const auto seen = bellwire::ring::find_hang(raw_);
  if (seen && !called() && bellwire::ring::find_hang(raw_) == seen) hang_ = seen;
}

Result<void> Session::reset() {
  const auto claim = file_.reset();
  if (!claim) return claim.error();
  queue_ = bellwire::ring::DriverQueue(raw_, claim->generation);
  return wait_until_served();
}

Result<void> Session::wait_until_served() {
  const auto deadline = std::chrono::steady_clock::now() + serve_patience;
  while (!queue_.ready()) {
    if (std::chrono::steady_clock::now() > deadline)
      return bellwire::fault(std::errc::timed_out,
                             "{}: the device does not serve the queue; is it running on the host?",
                             file_.path());
    call_.wait();
  }
  return {};
}

}  // namespace bell
