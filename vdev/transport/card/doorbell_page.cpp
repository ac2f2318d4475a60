// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/card/doorbell_page.hpp"

#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire::card {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto most = 2ms;  // a ring that is missed costs the guest an exit and a message

}  // namespace

// Handlers hold it: one that is queued when the page is dropped finds `started` false. At most one
// is queued, however often the page is stopped and started meanwhile.
struct DoorbellPage::Impl : std::enable_shared_from_this<DoorbellPage::Impl> {
  Impl(boost::asio::io_context& io, MemoryView view, std::vector<os::EventFd> events,
       Polling polling)
      : context(io),
        memory(std::move(view)),
        doorbells(std::move(events)),
        seen(doorbells.size()),
        patience(polling, most) {
    set_asleep(1);
  }

  [[nodiscard]] bellwire_doorbell_page& page() const noexcept {
    return *reinterpret_cast<bellwire_doorbell_page*>(memory.bytes().data());
  }
  [[nodiscard]] std::uint32_t rung(std::size_t index) const noexcept {
    return std::atomic_ref(page().driver[index].rung).load(std::memory_order_seq_cst);
  }
  void set_asleep(std::uint32_t asleep) const noexcept {
    std::atomic_ref(page().device.asleep).store(asleep, std::memory_order_seq_cst);
  }

  // Passes on new rings. False: there are none.
  bool collect() noexcept {
    bool found = false;
    for (std::size_t index = 0; index < seen.size(); ++index) {
      const auto now = rung(index);
      if (now == seen[index]) continue;
      doorbells[index].ring(now - seen[index]);
      seen[index] = now;
      found = true;
    }
    return found;
  }

  void look_on() {
    const auto now = Clock::now();
    const bool found = collect();
    if (!found && now - idle_since >= patience.time() && sleep()) return;
    if (found) idle_since = now;
    again();
  }

  // False: a ring came at the last moment.
  bool sleep() {
    set_asleep(1);
    awake = collect();
    if (awake) wake_up();
    return !awake;
  }

  void wake_up() {
    awake = true;
    set_asleep(0);
    idle_since = Clock::now();
  }

  void again() {
    if (std::exchange(queued, true)) return;
    boost::asio::post(context, [self = shared_from_this()] {
      self->queued = false;
      if (self->started && self->awake) self->look_on();
    });
  }

  boost::asio::io_context& context;
  MemoryView memory;
  std::vector<os::EventFd> doorbells;
  std::vector<std::uint32_t> seen;
  PollTime patience;
  Clock::time_point idle_since;  // since when nothing was rung
  bool started = false;
  bool awake = false;   // it polls
  bool queued = false;  // the next look
};

DoorbellPage::DoorbellPage(boost::asio::io_context& context, MemoryView page,
                           std::vector<os::EventFd> doorbells, Polling polling)
    : state_(std::make_shared<Impl>(context, std::move(page), std::move(doorbells), polling)) {}
DoorbellPage::DoorbellPage(DoorbellPage&&) noexcept = default;
DoorbellPage::~DoorbellPage() {
  if (state_) stop();
}

void DoorbellPage::start() {
  for (std::size_t index = 0; index < state_->seen.size(); ++index)
    state_->seen[index] = state_->rung(index);
  state_->started = true;
  if (state_->patience.time() > PollTime::Duration::zero()) wake();
}

void DoorbellPage::stop() noexcept {
  state_->started = false;
  state_->awake = false;
  state_->set_asleep(1);
}

void DoorbellPage::wake() {
  if (!state_->started) return;
  state_->collect();
  state_->patience.work_came(Clock::now() - state_->idle_since);
  if (state_->awake) return;
  state_->wake_up();
  state_->again();
}

}  // namespace bellwire::card
