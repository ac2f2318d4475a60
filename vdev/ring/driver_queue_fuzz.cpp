// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the driver's side of a queue, and all that watches one: the looks for lost
// signals, the search for hangs, the readers of records. The input is what a hostile device does,
// which can write all of the queue and its own line of the header, also while the driver waits. A
// device that keeps the rules takes turns in between, so that the driver gets on. What is not the
// queue's must stay as it was. In the end an honest device is started, and a driver that begins a
// new generation must be served by it.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "vdev/fuzz/check.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_look.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/driver_watch.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring::driver_queue_fuzz {
namespace {

using fuzz::require;

constexpr std::uint32_t entries = BELLWIRE_MIN_RING_ENTRIES;
constexpr std::uint64_t size = 32 << 10;
constexpr std::uint64_t margin = BELLWIRE_PAGE_SIZE;
constexpr auto order = std::memory_order_seq_cst;

// Two queues with a margin on both sides, of which the first queue is attacked.
class Memory {
 public:
  Memory() : whole_(create()), view_(whole_.part(margin, size).value()) {}

  void format() {
    std::ranges::fill(whole_.bytes(), std::byte{0});
    require(ring::format(view_.bytes(), 2, entries).has_value());
    before_.assign(whole_.bytes().begin(), whole_.bytes().end());
  }
  [[nodiscard]] Layout layout() const { return Layout::open(view_).value(); }

  /// What only the attacked queue and the device's line may differ in.
  [[nodiscard]] bool others_untouched(const Layout& layout) {
    const auto restore = [this](const void* from, std::uint64_t bytes) {
      const auto at = static_cast<const std::byte*>(from) - whole_.bytes().data();
      std::copy_n(whole_.bytes().begin() + at, bytes, before_.begin() + at);
    };
    const auto* const queue = layout.queue(0).control;
    const auto* const next = layout.queue(1).control;
    restore(queue, static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(next) -
                                              reinterpret_cast<const std::byte*>(queue)));
    restore(&layout.device_line(), sizeof(bellwire_device_line));
    return std::ranges::equal(before_, whole_.bytes());
  }

 private:
  static MemoryView create() {
    const auto fd = os::create_memfd("fuzz", size + 2 * margin).value();
    return MemoryView(os::Mapping::create(fd.get(), size + 2 * margin).value());
  }
  MemoryView whole_, view_;
  std::vector<std::byte> before_;
};

class Attack final : private RequestHandler {
 public:
  Attack(FuzzedDataProvider& input, Memory& memory) : input_(input), memory_(memory) {
    restart_device();
    begin();
  }

  void run() {
    while (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(actions))();
    end_honestly();
    require(memory_.others_untouched(layout_));
  }

 private:
  using Action = void (Attack::*)();
  using Clock = DriverWatch::Clock;

  // What the device writes: its own words first of all, but it can write the driver's, too.
  __u32& word() {
    auto& control = *queue_.control;
    auto& line = layout_.device_line();
    const auto stage = input_.ConsumeIntegralInRange<unsigned>(0, BELLWIRE_STAGES - 1);
    __u32* const words[] = {&control.complete.completed,
                            &control.complete.completed,
                            &control.status.generation,
                            &control.status.status,
                            &control.doorbell.doorbell_event,
                            &control.recording.recording,
                            &control.sides[BELLWIRE_MODULE].last[stage],
                            &control.sides[BELLWIRE_DEVICE].last[stage],
                            &control.driver.generation,
                            &control.submit.submitted,
                            &control.consume.consumed,
                            &control.consume.interrupt_event,
                            &line.state,
                            &line.incarnation,
                            &line.beat};
    return *input_.PickValueInArray(words);
  }
  void set_word() { store(word(), input_.ConsumeIntegral<std::uint32_t>(), order); }
  void move_word() {
    auto& moved = word();
    const std::uint32_t step = input_.ConsumeIntegral<std::uint8_t>();
    store(moved, load(moved, order) + step - 128, order);
  }
  void count_doorbells() {
    auto& counted = queue_.control->status.doorbells;
    store(counted, load(counted, order) + input_.ConsumeIntegral<std::uint8_t>(), order);
  }
  void set_byte() {
    const auto payload = queue_.payload;
    auto* const first = reinterpret_cast<std::byte*>(queue_.control);
    const auto bytes = static_cast<std::size_t>(payload.data() + payload.size() - first);
    first[input_.ConsumeIntegralInRange<std::size_t>(0, bytes - 1)] =
        std::byte{input_.ConsumeIntegral<std::uint8_t>()};
  }
  void write_completion() {
    auto& entry = queue_.completion(input_.ConsumeIntegral<std::uint8_t>());
    input_.ConsumeData(&entry, sizeof entry);
  }

  // A device that keeps the rules.
  void restart_device() { device_.emplace(queue_, line_.interrupt(), ++incarnation_); }
  void turn() { device_->turn(*this, 1); }
  Reply serve(const Request&) noexcept override { return {}; }

  // The module and the process.
  void begin() {
    module_.emplace(queue_);
    driver_.emplace(queue_, module_->generation());
    look_.emplace(layout_, queue_, module_->generation());
    watch_.begin(signs());
    published_ = taken_ = submitted_ = 0;
    ring_doorbell();
  }
  void end() { end_generation(queue_); }
  void ring_doorbell() {
    ++rung_;
    look_->rung();
    module_->note_ring();
  }
  void interrupted() {
    module_->note_interrupt();
    look_->interrupted(std::chrono::microseconds(input_.ConsumeIntegral<std::uint32_t>()));
  }
  void submit() {
    bellwire_request request{};
    request.cookie = submitted_;
    const bool room = driver_->space() > 0;
    require(driver_->submit(request) == room);
    submitted_ += room ? 1U : 0U;
    require(driver_->in_flight() == submitted_ - taken_ && driver_->in_flight() <= entries);
  }
  void publish() {
    published_ = submitted_;
    if (driver_->publish()) ring_doorbell();
  }
  void publish_and_sleep() {
    PollTime patience(Polling::off);
    published_ = submitted_;
    publish_and_wait(
        *driver_, patience, [this] { meanwhile(); }, [this] { meanwhile(); });
  }
  void meanwhile() {
    if (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(hostile))();
  }
  void take() {
    require(driver_->available() <= published_ - taken_);
    const bool broken = driver_->device_broken();
    const bool more = driver_->available() > 0;
    const auto taken = driver_->take();
    require(taken.has_value() == more);
    require(!broken || driver_->device_broken());
    taken_ += taken ? 1U : 0U;
    require(driver_->in_flight() == submitted_ - taken_);
  }
  void take_all() {
    for (unsigned times = 0; driver_->take(); ++times) {
      require(times < entries);
      ++taken_;
    }
  }
  void sleep() {
    (void)driver_->may_sleep();
    driver_->awake();
    (void)driver_->ready();
    require(driver_->status() <= BELLWIRE_QUEUE_BAD_COMPLETED);
  }

  // Whoever watches.
  void look_for_lost() {
    const auto missing = look_->look(&*module_);
    require(look_->time() <= LookTime::most);
    if (missing == DriverLook::Missing::doorbell) ring_doorbell();
    require(look_->recovered_doorbells() + look_->recovered_interrupts() <= ++looks_);
  }
  DeviceSigns signs() const {
    const auto& line = layout_.device_line();
    return {.state = load(line.state, order),
            .incarnation = load(line.incarnation, order),
            .beat = load(line.beat, order),
            .doorbells = rung_};
  }
  void pass_time() {
    now_ += std::chrono::milliseconds(input_.ConsumeIntegralInRange<unsigned>(0, 12'000));
  }
  void watch() {
    const auto losses = watch_.losses();
    if (watch_.look(now_, signs()) == DriverWatch::Advice::ring) ring_doorbell();
    require(watch_.losses() <= losses + 1);
    if (const auto report = watch_.report()) require(!report->empty());
    if (const auto why = watch_.hopeless(now_)) require(!why->empty());
  }
  void settle() {
    if (watch_.suspects() && !watch_.settle(now_, signs())) watch_.give_up(now_);
  }
  void observe() {
    if (stall_.look(now_) == StallDetector::Finding::hangs) require(stall_.reported());
    require(!stall_.describe().empty());
    if (const auto hang = find_hang(queue_)) {
      require(hang->last < BELLWIRE_CONSUMED);
      require(!describe(*hang, std::chrono::seconds(1)).empty());
    }
  }
  void read_records() {
    std::vector<bellwire_record> records;
    for (auto& reader : readers_) reader.drain(records);
    require(records.size() <= BELLWIRE_SIDES * std::size_t{queue_.trace_entries});
  }

  static constexpr Action hostile[] = {&Attack::set_word, &Attack::move_word, &Attack::set_byte,
                                       &Attack::write_completion, &Attack::turn};
  static constexpr Action actions[] = {&Attack::set_word,
                                       &Attack::move_word,
                                       &Attack::count_doorbells,
                                       &Attack::set_byte,
                                       &Attack::write_completion,
                                       &Attack::restart_device,
                                       &Attack::turn,
                                       &Attack::turn,
                                       &Attack::begin,
                                       &Attack::end,
                                       &Attack::interrupted,
                                       &Attack::submit,
                                       &Attack::submit,
                                       &Attack::publish,
                                       &Attack::publish_and_sleep,
                                       &Attack::take,
                                       &Attack::take_all,
                                       &Attack::sleep,
                                       &Attack::pass_time,
                                       &Attack::watch,
                                       &Attack::watch,
                                       &Attack::look_for_lost,
                                       &Attack::settle,
                                       &Attack::observe,
                                       &Attack::read_records};

  void end_honestly() {
    // Twice, since the first number may be one that the device served before.
    begin();
    restart_device();
    turn();
    begin();
    turn();
    require(driver_->ready() && driver_->status() == BELLWIRE_QUEUE_OK);
    for (std::uint64_t cookie = 0; cookie < std::uint64_t{3} * entries; ++cookie) {
      bellwire_request request{};
      request.cookie = cookie;
      require(driver_->submit(request));
      (void)driver_->publish();
      turn();
      const auto completion = driver_->take();
      require(completion && completion->cookie == cookie && completion->status == BELLWIRE_DONE);
    }
  }

  FuzzedDataProvider& input_;
  Memory& memory_;
  Layout layout_ = memory_.layout();
  Queue queue_ = layout_.queue(0);
  InterruptLine line_{os::EventFd::create().value()};
  std::uint32_t incarnation_ = 0;
  std::optional<DeviceQueue> device_;
  std::optional<ModuleQueue> module_;
  std::optional<DriverQueue> driver_;
  std::optional<DriverLook> look_;
  DriverWatch watch_{queue_};
  StallDetector stall_{layout_, 0};
  std::vector<TraceReader> readers_{TraceReader(queue_, BELLWIRE_PROCESS),
                                    TraceReader(queue_, BELLWIRE_MODULE),
                                    TraceReader(queue_, BELLWIRE_DEVICE)};
  Clock::time_point now_{std::chrono::hours(1)};
  std::uint64_t rung_ = 0, looks_ = 0;
  std::uint32_t submitted_ = 0, published_ = 0, taken_ = 0;
};

void try_one(FuzzedDataProvider& input) {
  static Memory memory;
  memory.format();
  Attack(input, memory).run();
}

}  // namespace
}  // namespace bellwire::ring::driver_queue_fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  bellwire::ring::driver_queue_fuzz::try_one(input);
  return 0;
}
