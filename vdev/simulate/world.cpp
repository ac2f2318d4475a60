// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/world.hpp"

#include <algorithm>
#include <utility>

#include "vdev/os/text.hpp"
#include "vdev/simulate/files.hpp"

namespace bellwire::simulate {
namespace {

using namespace std::chrono_literals;

constexpr Duration look = 1us;            // at the clock
constexpr unsigned interruptions = 50;    // one in so many points at which it is possible
constexpr unsigned most_stays = 1'000;    // one after the other; then run() looks at the whole
constexpr unsigned long_switches = 1000;  // one in so many is of a machine that is busy

World* existing = nullptr;

Duration switch_time(Random& random) {
  return random.one_in(long_switches) ? random.time(100us, 20ms) : random.time(500ns, 20us);
}

}  // namespace

Process::Process(World& world, std::string name, std::function<void()> body,
                 Interruptible interruptible)
    : world_(world),
      name_(std::move(name)),
      number_(static_cast<unsigned>(world.processes_.size())),
      interruptible_(interruptible),
      fiber_(std::move(body)),
      due_(world.now()) {}

// Without a switch, if it is the next one anyway.
void Process::go_on_at(Time when) {
  if (killed_) return;  // it lets go of what it has, while the world stands still
  if (when != Time::max()) due_ = std::max(when, frozen_until_);
  world_.switch_away();
  waits_ = false;
  check_kill();
}

void Process::pause(Duration time) {
  go_on_at(world_.now() + time);
}

void Process::wait_until(Time when) {
  waits_ = true;
  go_on_at(when);
}

void Process::wake() {
  if (!std::exchange(waits_, false)) return;
  due_ = std::max(world_.now() + switch_time(world_.random()), frozen_until_);
}

void Process::freeze(Duration time) {
  frozen_until_ = std::max(frozen_until_, world_.now() + time);
  if (due_) due_ = std::max(*due_, frozen_until_);
}

void Process::check_kill() {
  if (std::exchange(to_be_killed_, false)) die_here();
}

void Process::die_here() {
  if (busy_ != nullptr && *busy_) {
    to_be_killed_ = true;
    return;
  }
  if (std::exchange(killed_, true)) return;
  world_.save();
}

void Process::restart() {
  killed_ = to_be_killed_ = false;
  world_.restore();
}

World::World(std::uint64_t seed)
    : random_(seed), files_(std::make_unique<Files>(*this)), events_(1) {
  existing = this;
}

World::~World() {
  existing = nullptr;
}

World* World::current() noexcept {
  return existing;
}

Process& World::start(std::string name, std::function<void()> body, Interruptible interruptible) {
  processes_.push_back(
      std::make_unique<Process>(*this, std::move(name), std::move(body), interruptible));
  return *processes_.back();
}

Process* World::next() noexcept {
  Process* first = nullptr;
  for (const auto& process : processes_)
    if (!process->fiber_.ended() && process->due_ &&
        (first == nullptr || *process->due_ < *first->due_))
      first = process.get();
  return first;
}

void World::run(const std::function<bool()>& until) {
  while (!until()) {
    running_ = next();
    if (running_ == nullptr) return;
    mix(running_->number_);
    arrive(*running_);
    running_->fiber_.enter();
    running_ = nullptr;
  }
}

// The clock jumps to when it is due.
void World::arrive(Process& process) {
  now_ = std::max(now_, *process.due_);
  process.due_.reset();
  ++steps_;
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
}

void World::switch_away() {
  auto& process = *running_;
  if (next() == &process && steps_ % most_stays != 0) {
    arrive(process);
  } else {
    process.fiber_.leave();
  }
}

Time World::look_at_clock() noexcept {
  return now_ += look;
}

void World::may_interrupt() {
  if (running_ == nullptr || running_->interruptible_ == Interruptible::no) return;
  running_->check_kill();
  if (running_->killed_) return;
  if (random_.one_in(interruptions)) running_->pause(switch_time(random_));
}

void World::yield() {
  if (running_ != nullptr) running_->pause(switch_time(random_));
}

World::Event& World::event(int fd) noexcept {
  return events_[event_of_fd_[static_cast<std::size_t>(fd)]];
}

void World::refer(int fd, unsigned event) {
  const auto place = static_cast<std::size_t>(fd);
  if (event_of_fd_.size() <= place) event_of_fd_.resize(place + 1);
  ++events_[event].descriptors;
  --events_[std::exchange(event_of_fd_[place], event)].descriptors;
}

void World::add_event(int fd, std::uint64_t count) {
  const auto free = std::find_if(events_.begin() + 1, events_.end(),
                                 [](const Event& each) { return each.descriptors == 0; });
  const auto index = static_cast<unsigned>(free - events_.begin());
  if (free == events_.end()) events_.emplace_back();
  events_[index] = {.serial = next_serial(), .count = count};
  refer(fd, index);
  files_->open(fd, nullptr);
}

void World::alias_event(int fd, int of) {
  refer(fd, event_of_fd_[static_cast<std::size_t>(of)]);
}

bool World::is_event(int fd) const noexcept {
  const auto place = static_cast<std::size_t>(fd);
  return fd >= 0 && place < event_of_fd_.size() && event_of_fd_[place] != 0;
}

std::uint64_t World::serial(int fd) const noexcept {
  return is_event(fd) ? const_cast<World*>(this)->event(fd).serial : 0;
}

void World::duplicate(int copy, int fd) {
  if (!files_->known(fd)) return;
  files_->duplicate(copy, fd);
  if (is_event(fd)) alias_event(copy, fd);
}

void World::close(int fd) {
  if (is_event(fd)) refer(fd, 0);
  files_->close(fd);
}

void World::keep_memory(MemoryView& kept, MemoryView memory) {
  const auto same = [&](const MemoryView& each) {
    return each.bytes().data() == kept.bytes().data();
  };
  if (const auto old = std::ranges::find_if(memories_, same); old != memories_.end())
    memories_.erase(old);
  kept = std::move(memory);
  memories_.push_back(kept);
}

void World::ring(int fd, std::uint64_t count) noexcept {
  may_interrupt();
  auto& rung = event(fd);
  rung.count += count;
  mix(event_of_fd_[static_cast<std::size_t>(fd)] + (rung.count << 32));
  if (rung.reader != nullptr && !before_death_) rung.reader->wake();
}

std::uint64_t World::count(int fd) const noexcept {
  return const_cast<World*>(this)->event(fd).count;
}

std::uint64_t World::take(int fd) noexcept {
  may_interrupt();
  return std::exchange(event(fd).count, 0);
}

void World::set_reader(int fd, Process* reader) noexcept {
  event(fd).reader = reader;
}

// Nobody else runs until restore().
void World::save() {
  before_death_.emplace(Snapshot{.events = events_, .memories = {}});
  for (const auto& memory : memories_)
    before_death_->memories.emplace_back(memory.bytes().begin(), memory.bytes().end());
}

// Those who wait on an eventfd are not what was there before: what was killed waits no longer.
void World::restore() {
  for (std::size_t index = 0; index < before_death_->events.size(); ++index)
    events_[index].count = before_death_->events[index].count;
  for (std::size_t index = 0; index < memories_.size(); ++index)
    std::ranges::copy(before_death_->memories[index], memories_[index].bytes().begin());
  before_death_.reset();
}

void World::mix(std::uint64_t value) noexcept {
  digest_ = (digest_ ^ value) * 0x9e37'79b9'7f4a'7c15;
  digest_ ^= digest_ >> 32;
}

void World::note(const std::string& line) {
  if (most_notes_ == 0) return;
  const auto us = std::chrono::duration<double, std::micro>(now_.time_since_epoch()).count();
  notes_.push_back(
      text("{:>14.1f} us  {:<12}  {}", us, running_ != nullptr ? running_->name_ : "-", line));
  if (notes_.size() > most_notes_) notes_.pop_front();
}

}  // namespace bellwire::simulate
