// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the device's side of a queue. The input is what a hostile driver does: a list
// of actions, some of which happen in the middle of a turn, while a request is being served. The
// device either serves each request at once, or keeps it and completes or drops it later. The queue
// has neighbours on both sides, in one block of the heap: AddressSanitizer sees what leaves
// the block, and the neighbours' bytes show the rest. In the end an honest driver resets the queue,
// and must be served.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "vdev/core/crc32c.hpp"
#include "vdev/fuzz/check.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/words.hpp"

using namespace bellwire;

namespace {

using fuzz::require;

constexpr std::uint32_t entries = BELLWIRE_MIN_RING_ENTRIES;
constexpr std::uint32_t trace_entries = 8;
constexpr std::size_t stride = 2 * BELLWIRE_PAGE_SIZE;
constexpr unsigned most_per_turn = 64;  // requests; more would starve other queues
constexpr std::byte untouched{0xA5};
constexpr auto order = std::memory_order_seq_cst;

struct Free {
  void operator()(std::byte* block) const noexcept { std::free(block); }
};

// Three queues' room; the one in the middle is the victim.
class Memory {
 public:
  Memory() : block_(static_cast<std::byte*>(std::aligned_alloc(BELLWIRE_PAGE_SIZE, 3 * stride))) {
    std::fill_n(block_.get(), 3 * stride, untouched);
    std::ranges::fill(victim(), std::byte{0});
  }
  [[nodiscard]] std::span<std::byte> victim() const { return {block_.get() + stride, stride}; }
  [[nodiscard]] bool neighbours_untouched() const {
    const auto same = [](std::byte byte) { return byte == untouched; };
    return std::all_of(block_.get(), block_.get() + stride, same) &&
           std::all_of(block_.get() + 2 * stride, block_.get() + 3 * stride, same);
  }

 private:
  std::unique_ptr<std::byte, Free> block_;
};

class Attack final : private ring::RequestHandler, private ring::AsyncRequestHandler {
 public:
  explicit Attack(FuzzedDataProvider& input) : input_(input), later_(input.ConsumeBool()) {
    restart();
  }
  ~Attack() { die(); }

  void run() {
    while (input_.remaining_bytes() > 0) {
      (this->*(later_ ? input_.PickValueInArray(later_actions)
                      : input_.PickValueInArray(actions)))();
      require(device_->in_flight() >= held_.size());
    }
    end_honestly();
    require(memory_.neighbours_untouched());
  }

 private:
  using Action = void (Attack::*)();

  void set_word() { ring::store(word(), input_.ConsumeIntegral<std::uint32_t>(), order); }

  // Small steps meet the limits sooner than random values.
  void move_word() {
    auto& moved = word();
    const std::uint32_t step = input_.ConsumeIntegral<std::uint8_t>();
    ring::store(moved, ring::load(moved, order) + step - 128, order);
  }

  __u32& word() {
    auto& control = *queue_.control;
    __u32* const words[] = {&control.driver.generation, &control.recording.recording,
                            &control.submit.submitted, &control.consume.consumed,
                            &control.consume.interrupt_event};
    return *input_.PickValueInArray(words);
  }

  // Anywhere, the device's own words too: its peer can write all of the memory.
  void set_byte() {
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, stride - 1);
    memory_.victim()[at] = std::byte{input_.ConsumeIntegral<std::uint8_t>()};
  }

  void write_request() {
    auto& entry = queue_.requests[input_.ConsumeIntegral<std::uint8_t>() % entries];
    input_.ConsumeData(&entry, sizeof entry);
  }

  void begin_generation() { ring::begin_generation(queue_); }

  void restart() {
    die();
    if (later_)
      device_.emplace(queue_, line_.interrupt(), ++incarnation_, 0, completed_);
    else
      device_.emplace(queue_, line_.interrupt(), ++incarnation_);
  }

  // The process ends, and with it what it had in flight.
  void die() {
    for (auto& request : held_) static_cast<void>(std::move(request).release());
    held_.clear();
  }

  void stop() {
    device_->stop(*this);
    complete_all();
    require(device_->in_flight() == 0);
    restart();
  }

  void turn() {
    served_ = 0;
    turn(input_.ConsumeIntegral<std::uint8_t>());
    require(served_ <= most_per_turn);
  }

  void turn(std::uint64_t rings) {
    if (later_)
      device_->turn(static_cast<ring::AsyncRequestHandler&>(*this), rings);
    else
      device_->turn(static_cast<ring::RequestHandler&>(*this), rings);
  }

  void deliver() {
    if (!later_) return;
    device_->deliver(*this);
    require(device_->in_flight() == held_.size());
  }

  void complete() {
    if (held_.empty()) return;
    auto& chosen = held_[input_.ConsumeIntegral<std::uint8_t>() % held_.size()];
    std::swap(chosen, held_.back());
    const bool dropped = input_.ConsumeBool();
    auto request = std::move(held_.back());
    held_.pop_back();
    if (!dropped) finish(std::move(request));
  }

  static void finish(ring::PendingRequest request) {
    std::ranges::fill(request->output, std::byte{1});
    const auto length = static_cast<std::uint32_t>(request->output.size());
    std::move(request).complete({.length = length});
  }

  void complete_all() {
    while (!held_.empty()) {
      finish(std::move(held_.back()));
      held_.pop_back();
    }
    deliver();
  }

  // What the memory does behind the device's back, at any time; and the steps of the device.
  static constexpr Action meanwhile[] = {&Attack::set_word, &Attack::move_word, &Attack::set_byte,
                                         &Attack::write_request, &Attack::begin_generation};
  static constexpr Action actions[] = {
      &Attack::set_word,         &Attack::move_word, &Attack::set_byte, &Attack::write_request,
      &Attack::begin_generation, &Attack::restart,   &Attack::turn,     &Attack::turn};
  static constexpr Action later_actions[] = {
      &Attack::set_word,         &Attack::move_word, &Attack::set_byte, &Attack::write_request,
      &Attack::begin_generation, &Attack::restart,   &Attack::turn,     &Attack::turn,
      &Attack::deliver,          &Attack::complete,  &Attack::complete, &Attack::stop};

  ring::Reply serve(const ring::Request& request) noexcept override {
    ++served_;
    require(inside_payload(request.input) && inside_payload(request.output));
    const auto result = crc32c(request.input);
    std::ranges::fill(request.output, std::byte{1});
    if (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(meanwhile))();
    return {.length = static_cast<std::uint32_t>(request.output.size()), .result = result};
  }

  void handle(ring::PendingRequest request) noexcept override {
    ++served_;
    require(inside_payload(request->input) && inside_payload(request->output));
    held_.push_back(std::move(request));
    if (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(meanwhile))();
  }

  void cancel(unsigned) noexcept override {
    if (input_.ConsumeBool()) held_.clear();
  }

  [[nodiscard]] bool inside_payload(std::span<const std::byte> bytes) const {
    const auto payload = std::span<const std::byte>(queue_.payload);
    return bytes.data() >= payload.data() &&
           bytes.data() + bytes.size() <= payload.data() + payload.size();
  }

  void end_honestly() {
    // Twice, since the first number may be one that the hostile driver had the device serve before.
    ring::begin_generation(queue_);
    turn(1);
    complete_all();
    ring::DriverQueue driver(queue_, ring::begin_generation(queue_));
    turn(1);
    require(driver.ready() && driver.status() == BELLWIRE_QUEUE_OK);
    for (std::uint64_t cookie = 0; cookie < std::uint64_t{3} * entries; ++cookie) {
      bellwire_request request{};
      request.cookie = cookie;
      require(driver.submit(request));
      (void)driver.publish();
      turn(1);
      complete_all();
      const auto completion = driver.take();
      require(completion && completion->cookie == cookie && completion->status == BELLWIRE_DONE);
    }
  }

  FuzzedDataProvider& input_;
  const bool later_;
  Memory memory_;
  ring::Queue queue_ = ring::Queue::over(memory_.victim(), {entries, trace_entries});
  InterruptLine line_{os::EventFd::create().value()};
  std::uint32_t incarnation_ = 0;
  std::shared_ptr<const os::EventFd> completed_ =
      std::make_shared<os::EventFd>(os::EventFd::create().value());
  std::optional<ring::DeviceQueue> device_;
  std::vector<ring::PendingRequest> held_;
  unsigned served_ = 0;  // in this turn
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  Attack(input).run();
  return 0;
}
