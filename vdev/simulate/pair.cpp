// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/pair.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "vdev/devices/echo.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/ring/watchdog.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/simulate/loop.hpp"
#include "vdev/transport/in_process/request_sender.hpp"

namespace bellwire::simulate {
namespace {

using namespace std::chrono_literals;
using in_process::RequestSender;

constexpr std::uint64_t longest_generation = 2'000;  // requests
constexpr auto longest_absence = 2s;                 // of a device, for its drivers
constexpr std::uint64_t masks = 400, swaps = 400;    // one wait in so many

}  // namespace

Counts& Counts::operator+=(const Counts& other) noexcept {
  answered += other.answered;
  generations += other.generations;
  abandoned += other.abandoned;
  doorbells += other.doorbells;
  interrupts += other.interrupts;
  recovered_doorbells += other.recovered_doorbells;
  recovered_interrupts += other.recovered_interrupts;
  starts += other.starts;
  resets += other.resets;
  killed_guests += other.killed_guests;
  freezes += other.freezes;
  masks += other.masks;
  swaps += other.swaps;
  return *this;
}

Pair::Pair(World& world, PairSetup setup, unsigned number, std::uint64_t requests, Board* board,
           std::function<void()> changed)
    : world_(world),
      setup_(std::move(setup)),
      number_(number),
      board_(board),
      changed_(std::move(changed)),
      left_(requests),
      tally_(std::make_shared<FaultTally>(setup_.faults)),
      worker_(world) {}

Result<std::unique_ptr<Pair>> Pair::start(World& world, PairSetup setup, unsigned number,
                                          std::uint64_t requests, Board* board,
                                          std::function<void()> changed) {
  std::unique_ptr<Pair> pair(
      new Pair(world, std::move(setup), number, requests, board, std::move(changed)));
  if (auto made = pair->make_wires(); !made) return made.error();
  pair->start_processes();
  return pair;
}

Result<void> Pair::make_wires() {
  wires_.resize(setup_.queues);
  if (board_ != nullptr) return {};
  const auto size = ring::memory_size(setup_.queues, setup_.entries, payload(setup_.depth));
  if (!size) return size.error();
  auto memory = ring::create_memory("bellwire-simulate", *size, setup_.queues, setup_.entries);
  if (!memory) return memory.error();
  world_.keep_memory(memory_, memory->view);
  guest_memory_ = memory_;
  for (unsigned queue = 0; queue < setup_.queues; ++queue) {
    auto events = os::create_events(2);
    if (!events) return events.error();
    wires_[queue].doorbell = std::move(events->front());
    wires_[queue].interrupt = std::move(events->back());
  }
  return {};
}

void Pair::start_processes() {
  const auto name = [this](const char* part) { return text("{} {}", part, number_); };
  device_ = &world_.start(name("device"), [this] { run_device(); });
  device_->spare_while(worker_.busy());
  for (unsigned queue = 0; queue < setup_.queues; ++queue) {
    ++at_work_;
    wires_[queue].driver =
        &world_.start(text("driver {}.{}", number_, queue), [this, queue] { run_driver(queue); });
    if (board_ == nullptr) world_.set_reader(wires_[queue].interrupt->fd(), wires_[queue].driver);
  }
  if (board_ != nullptr) {
    joining_ = 2;
    guest_ = &world_.start(name("guest"), [this] { run_guest(); });
  }
  if (setup_.device == "late")
    worker_.run_on(world_.start(
        name("worker"), [this] { worker_.run([this] { return done(); }); }, Interruptible::no));
  if (setup_.operator_on) operator_ = &world_.start(name("operator"), [this] { run_operator(); });
}

void Pair::end() {
  ending_ = true;
  wake_drivers();
}

void Pair::wake_drivers() const {
  for (const auto& wire : wires_) wire.driver->wake();
}

// The device

void Pair::run_device() {
  auto& random = world_.random();
  while (!done()) {
    run_device_once();
    const bool killed = device_->killed();
    if (killed) device_->restart();
    if (board_ != nullptr) board_->check_left(*device_);
    if (done()) break;
    if (killed) {
      world_.note("was killed");
      device_->pause(random.time(10us, 10ms));
      if (board_ == nullptr && random.one_in(2)) ring::device_died(memory_);  // as a switchboard
    }
    device_->pause(random.time(100us, 500ms));
  }
  one_has_left();
}

void Pair::run_device_once() {
  Loop loop(*device_);
  if (board_ != nullptr) return serve_switched(loop);
  auto attachment = attach();
  if (!attachment) return fail(0, attachment.error().message);
  serve(loop, std::move(*attachment));
}

void Pair::serve(Loop& loop, Attachment attachment) {
  ++counts_.starts;
  const auto device = make_device();
  const auto moderation = Moderation::start(loop.context(), attachment, setup_.moderation);
  if (!moderation) return fail(0, moderation.error().message);
  const auto faults = Faults::start(loop.context(), attachment, tally_);
  if (!faults) return fail(0, faults.error().message);
  const auto runner = Runner::start(loop.context(), *device, std::move(attachment), setup_.polling);
  if (!runner) return fail(0, runner.error().message);
  loop.run([this] { return done(); });
  if (device_->killed()) worker_.complete_all();
}

std::unique_ptr<Device> Pair::make_device() {
  if (setup_.device == "digest") return std::make_unique<Digest>();
  if (setup_.device == "late") return std::make_unique<Late>(world_, worker_);
  return std::make_unique<Echo>();
}

// What a dead device had of the wires is gone: its lines, too, with what was pending on them.
Result<Attachment> Pair::attach() {
  Attachment attachment{.doorbells = {}, .interrupts = {}, .memory = memory_};
  for (auto& wire : wires_) {
    auto doorbell = wire.doorbell->duplicate();
    if (!doorbell) return doorbell.error();
    auto interrupt = wire.interrupt->duplicate();
    if (!interrupt) return interrupt.error();
    wire.line = InterruptLine();
    if (!wire.masked) wire.line.bind(std::move(*interrupt));
    attachment.doorbells.push_back(std::move(*doorbell));
    attachment.interrupts.push_back(wire.line.interrupt());
  }
  return attachment;
}

// At the switchboard

void Pair::serve_switched(Loop& loop) {
  auto member = board_->join(loop, ivshmem::Role::device, number_);
  if (!member) {
    if (!device_->killed()) refused_ = true;
    return wake_drivers();
  }
  world_.keep_memory(memory_, member->memory);
  device_seat_ = member->seat;
  raised_ = member->attachment.interrupts;
  member->seat.reset();
  meet();
  serve(loop, std::move(member->attachment));
  raised_.clear();
  device_seat_.reset();
}

void Pair::run_guest() {
  auto& random = world_.random();
  while (!finished_) {
    run_guest_once();
    if (guest_->killed()) guest_->restart();
    board_->check_left(*guest_);
    if (!finished_) guest_->pause(random.time(100us, 1s));
  }
  one_has_left();
}

// A guest gets the lowest slot that is free: if that is another's, it leaves. It is killed only
// while it joins; later its drivers stop first.
void Pair::run_guest_once() {
  Loop loop(*guest_);
  guest_joins_ = true;
  auto member = board_->join(loop, ivshmem::Role::guest, number_);
  guest_joins_ = false;
  guest_->pause(1us);
  if (!member || guest_->killed() || member->seat->slot != number_) return;
  plug_in(*member);
  loop.run([this] { return finished_ || leaving_; });
  pull_out();
}

void Pair::plug_in(Member& member) {
  world_.keep_memory(guest_memory_, member.memory);
  for (std::size_t queue = 0; queue < wires_.size(); ++queue) {
    auto& wire = wires_[queue];
    wire.interrupt = std::move(member.attachment.doorbells[queue]);
    wire.switched = member.attachment.interrupts[queue];
    world_.set_reader(wire.interrupt->fd(), wire.driver);
  }
  guest_seat_ = member.seat;
  leaving_ = false;
  meet();
}

// As of a QEMU that is killed: what its CPUs have begun stays as it is.
void Pair::pull_out() {
  guest_seat_.reset();
  wake_drivers();
  while (generations_ > 0) guest_->wait_until(Time::max());
  for (auto& wire : wires_) {
    world_.set_reader(wire.interrupt->fd(), nullptr);
    wire.interrupt.reset();
    wire.switched.reset();
  }
}

// Each goes on only with wires that the other has as well.
void Pair::meet() {
  if (!device_seat_ || !guest_seat_) return;
  if (device_seat_->older_than(*guest_seat_)) {
    device_->kill();
    return device_->wake();
  }
  if (guest_seat_->older_than(*device_seat_)) return leave();
  refused_ = false;
  served_at_ = world_.now();
  wake_drivers();
}

void Pair::leave() {
  if (!guest_seat_) return;
  leaving_ = true;
  guest_->wake();
}

void Pair::move() {
  const auto who = world_.random().below(3);
  if (who != 0) leave();
  if (who == 1) return;
  device_->kill();
  device_->wake();
}

void Pair::one_has_left() {
  if (board_ != nullptr && --joining_ == 0) changed_();
}

void Pair::finish() {
  finished_ = true;
  guest_->wake();
}

bool Pair::served() const noexcept {
  return device_seat_ && guest_seat_ && device_seat_->memory == guest_seat_->memory;
}

// The guest

bool Pair::may_begin() const noexcept {
  return ending_ || (!resetting_ && (board_ == nullptr || served()));
}

void Pair::run_driver(unsigned queue) {
  auto& random = world_.random();
  auto& self = *wires_[queue].driver;
  while (!may_begin()) self.wait_until(Time::max());
  auto longest = longest_generation;  // shorter, while resets leave no time for more
  while (left_ > 0 && !ending_) {
    const auto requests = std::min(left_, 1 + random.below(longest));
    left_ -= requests;
    ++generations_;
    try {
      run_generation(queue, static_cast<std::uint32_t>(requests));
      longest = std::min(2 * longest, longest_generation);
    } catch (const Reset&) {
      left_ += requests;
      ++counts_.abandoned;
      longest = std::max<std::uint64_t>(longest / 2, 1);
    }
    if (--generations_ == 0)
      for (auto* const process : {guest_, operator_})
        if (process != nullptr) process->wake();
    self.pause(random.time(10us, 10ms));
    while (!may_begin()) self.wait_until(Time::max());
  }
  if (--at_work_ > 0) return;
  for (auto* const process : {device_, operator_})
    if (process != nullptr) process->wake();
  worker_.wake();
  if (board_ != nullptr) changed_();
}

void Pair::run_generation(unsigned queue, std::uint32_t requests) {
  const auto layout = ring::Layout::open(guest_memory_).value();
  auto& wire = wires_[queue];
  RequestSender sender(layout,
                       {.ring = [&] { ring(wire); },
                        .wait =
                            [&](std::chrono::nanoseconds time) {
                              return wait(wire, time) ? RequestSender::Wait::interrupt
                                                      : RequestSender::Wait::nothing;
                            }},
                       queue);
  const auto report =
      sender.run({.requests = requests, .depth = setup_.depth, .recover = setup_.recover});
  if (!report) return fail(queue, report.error().message);
  check_generation(queue, *report);
}

// A device that is away for long is no loss: whoever runs the guest gives up.
void Pair::check_reset() {
  if (resetting_ || ending_) throw Reset{};
  if (board_ == nullptr) return;
  if (!guest_seat_) throw Reset{};
  if (served())
    served_at_ = world_.now();
  else if (refused_ || world_.now() - served_at_ > longest_absence)
    throw Reset{};
}

void Pair::ring(Wire& wire) {
  check_reset();
  ++ringing_;
  if (wire.switched)
    wire.switched->raise();
  else
    wire.doorbell->ring();
  --ringing_;
  check_reset();
}

bool Pair::wait(Wire& wire, std::chrono::nanoseconds time) {
  auto& random = world_.random();
  if (random.one_in(masks)) mask_a_while(wire);
  if (board_ == nullptr && random.one_in(swaps)) swap_event(wire);
  const auto until = world_.now() + std::min<std::chrono::nanoseconds>(time, 100ms);
  for (;; wire.driver->wait_until(until)) {
    check_reset();
    if (wire.interrupt->drain()) return true;
    if (world_.now() >= until) return false;
  }
}

// As a VMM does for a guest that masks its vector: what is raised meanwhile stays pending. The
// eventfd of a switchboard keeps it.
void Pair::mask_a_while(Wire& wire) {
  ++counts_.masks;
  if (board_ != nullptr) return wire.driver->pause(world_.random().time(1us, 5ms));
  wire.masked = true;
  wire.line.unbind();
  wire.driver->pause(world_.random().time(1us, 5ms));
  wire.masked = false;
  auto interrupt = wire.interrupt->duplicate();
  if (!interrupt) return fail(0, interrupt.error().message);
  wire.line.bind(std::move(*interrupt));
}

// As a VMM does that hands over another eventfd while the device may raise: what had arrived at the
// old one is not lost.
void Pair::swap_event(Wire& wire) {
  auto fresh = os::EventFd::create();
  auto copy = fresh ? fresh->duplicate() : fresh.error();
  if (!copy) return fail(0, copy.error().message);
  ++counts_.swaps;
  world_.set_reader(fresh->fd(), wire.driver);
  const auto old = std::exchange(wire.interrupt, std::move(*fresh));
  wire.line.bind(std::move(*copy));
  if (const auto left = old->drain()) wire.interrupt->ring(*left);
}

// What is promised

void Pair::check_generation(unsigned queue, const GuestReport& report) {
  const auto right = setup_.device == "digest" ? digested : echoed;
  std::uint64_t answered = 0, wrong = 0;
  for (const auto& exchange : report.exchanges) {
    answered += exchange.answered ? 1 : 0;
    wrong += exchange.answered && !right(exchange) ? 1 : 0;
  }
  if (!report.hangs.empty()) fail(queue, report.hangs.front());
  if (wrong > 0) fail(queue, text("{} answers are wrong", wrong));
  if (report.unexpected > 0)
    fail(queue, text("{} completions are of no request, or of an answered one", report.unexpected));
  if (answered != report.exchanges.size())
    fail(queue, text("{} of {} requests were not answered", report.exchanges.size() - answered,
                     report.exchanges.size()));
  const auto& lost = ring::Layout::open(guest_memory_)->queue(queue).control->status.lost;
  const auto losses = std::accumulate(std::begin(lost), std::end(lost), 0U);
  if (losses > 0 && !may_lose(setup_.faults))
    fail(queue, text("the device counts {} losses, and nothing was lost", losses));
  if (board_ != nullptr) check_wires(queue);
  ++counts_.generations;
  counts_.answered += answered;
  counts_.doorbells += report.doorbells;
  counts_.interrupts += report.interrupts;
  counts_.recovered_doorbells += report.recovered_doorbells;
  counts_.recovered_interrupts += report.recovered_interrupts;
}

// Both have what they were handed, whatever has become of the switchboard.
void Pair::check_wires(unsigned queue) {
  if (device_seat_ && world_.serial(raised_[queue].fd()) != device_seat_->other[queue])
    fail(queue, "the device raises another vector than it was handed");
  if (guest_seat_ && world_.serial(wires_[queue].switched->fd()) != guest_seat_->other[queue])
    fail(queue, "the guest rings another vector than it was handed");
}

void Pair::fail(unsigned queue, const std::string& why) {
  if (!failure_.empty()) return;
  failure_ = text("device {}, queue {}: {}", number_, queue, why);
  world_.note("failed: " + why);
}

std::string Pair::waiting() const {
  const auto layout = ring::Layout::open(guest_memory_);
  for (unsigned queue = 0; layout && queue < setup_.queues; ++queue)
    if (const auto hang = ring::find_hang(layout->queue(queue)))
      return text("device {}, queue {}: {}", number_, queue, ring::describe(*hang, 0s));
  return text("device {} with {} drivers at work", number_, at_work_);
}

// The operator

// After each action the pair has twice as long to get on.
void Pair::run_operator() {
  using Action = Duration (Pair::*)();
  static constexpr Action actions[] = {&Pair::kill_device, &Pair::freeze_device,
                                       &Pair::freeze_guest, &Pair::reset_guest, &Pair::kill_guest};
  auto& random = world_.random();
  while (!done()) {
    operator_->wait_until(world_.now() + random.time(200us, 2s));
    if (done()) return;
    const auto took = (this->*actions[random.below(board_ != nullptr ? 5 : 4)])();
    operator_->wait_until(world_.now() + 2 * took);
  }
}

Duration Pair::kill_device() {
  device_->kill();
  return 1s;
}

Duration Pair::freeze_device() {
  const auto time = world_.random().time(100us, 2s);
  ++counts_.freezes;
  world_.note(text("freezes the device for {} us", time / 1us));
  device_->freeze(time);
  worker_.freeze(time);
  return time;
}

// Not for about as long as Watchdog::patience, nor for longer on the way to a doorbell:
// docs/decisions, "A loss needs proof", has the price.
Duration Pair::freeze_guest() {
  auto& random = world_.random();
  const auto time =
      random.one_in(50) && ringing_ == 0 ? random.time(2s, 3s) + 1s : random.time(100us, 1s);
  ++counts_.freezes;
  world_.note(text("freezes the guest for {} us", time / 1us));
  for (const auto& wire : wires_) wire.driver->freeze(time);
  if (guest_ != nullptr) guest_->freeze(time);
  return time;
}

// All drivers go where they are; a guest that boots begins new generations.
Duration Pair::reset_guest() {
  ++counts_.resets;
  world_.note("resets the guest");
  resetting_ = true;
  wake_drivers();
  while (generations_ > 0 && !done()) operator_->wait_until(Time::max());
  if (board_ == nullptr && world_.random().one_in(2))
    ring::guest_died(memory_);  // as a switchboard does
  const auto time = world_.random().time(100us, 1s);
  operator_->wait_until(world_.now() + time);
  resetting_ = false;
  wake_drivers();
  return time;
}

Duration Pair::kill_guest() {
  ++counts_.killed_guests;
  world_.note("kills the guest");
  leave();
  if (guest_joins_) {
    guest_->kill();
    guest_->wake();
  }
  return 1s;
}

}  // namespace bellwire::simulate
