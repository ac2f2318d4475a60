// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/explore/scenes/ring_scene.hpp"

#include <algorithm>
#include <cstddef>

namespace bellwire::explore {
namespace {

struct Word {
  std::size_t offset;
  const char* name;
};

#define WORD(line, word) \
  { offsetof(bellwire_queue_control, line.word), #word }
constexpr Word words[] = {
    {offsetof(bellwire_queue_control, driver.generation), "the driver's generation"},
    {offsetof(bellwire_queue_control, status.generation), "the device's generation"},
    WORD(submit, submitted),
    WORD(consume, consumed),
    WORD(consume, interrupt_event),
    WORD(complete, completed),
    WORD(doorbell, doorbell_event),
    WORD(status, status),
    WORD(status, offender),
};
#undef WORD

}  // namespace

void RingScene::reset() {
  std::ranges::fill(memory_, std::byte{});
  queue_ = ring::Queue::over(memory_, {.ring_entries = entries, .trace_entries = 0});
  auto event = os::EventFd::create().value();
  interrupt_ = event.fd();
  line_.emplace(std::move(event));
  driver_.reset();
  next_cookie_ = next_answer_ = 1;
  finished_ = false;
}

std::string RingScene::name_of(const void* place) const {
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(place) -
                                               reinterpret_cast<const std::byte*>(queue_.control));
  const auto found = std::ranges::find(words, offset, &Word::offset);
  return found == std::end(words) ? "" : found->name;
}

void RingScene::claim() {
  driver_.emplace(queue_, begin_generation());
}

void RingScene::start() {
  claim();
  ring();
  while (!driver_->ready()) sleep();
}

void RingScene::sleep() {
  wait("its interrupt", [this] { return rings(interrupt_) > 0; });
  take_rings(interrupt_);
}

void RingScene::submit() {
  bellwire_request request{};
  request.cookie = next_cookie_++;
  if (!driver_->submit(request)) fail_run("there is no space for a request");
}

void RingScene::wait_for_completion() {
  PollTime never(Polling::off);
  ring::publish_and_wait(
      *driver_, never, [this] { ring(); }, [this] { sleep(); });
}

void RingScene::take() {
  while (const auto completion = driver_->take()) {
    if (completion->cookie != next_answer_ || completion->result != next_answer_)
      fail_run("request " + std::to_string(completion->cookie) + " is answered where " +
               std::to_string(next_answer_) + " is expected");
    ++next_answer_;
  }
  if (driver_->status() != BELLWIRE_QUEUE_OK) fail_run("the queue is reported as broken");
  if (driver_->device_broken()) fail_run("a request was completed that was never submitted");
}

void RingScene::finish() {
  finished_ = true;
}

bool RingScene::wait_for_doorbell() {
  wait("its doorbell", [this] { return finished_ || rings(doorbell_.fd()) > 0; });
  return !finished_;
}

}  // namespace bellwire::explore
