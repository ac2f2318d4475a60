// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/explore/execution.hpp"

#include <algorithm>
#include <cstring>

#include "vdev/os/text.hpp"

namespace bellwire::explore {
namespace {

constexpr std::size_t stack_size = std::size_t{256} << 10;
constexpr std::uint32_t most_steps = 20'000;
constexpr unsigned most_spins = 1'000;  // one after the other, while nobody does anything else

Execution* executed = nullptr;

std::byte* stack_of(unsigned actor) {
  static std::array<std::vector<std::byte>, most_actors> stacks;
  stacks.at(actor).resize(stack_size);
  return stacks.at(actor).data();
}

}  // namespace

Execution* Execution::current() noexcept {
  return executed;
}

Execution::Execution(Scene& scene, Strategy& strategy, bool noting)
    : scene_(scene), strategy_(strategy), noting_(noting) {
  for (auto& actor : scene_.begin())
    actors_.emplace_back(std::make_unique<Coroutine>())->actor = std::move(actor);
}

Execution::~Execution() {
  executed = nullptr;
}

void Execution::run() {
  for (unsigned number = 0; number < actors_.size(); ++number) prepare(number);
  executed = this;
  running_ = 0;
  swapcontext(&outside_, &actors_.front()->context);
  executed = nullptr;
  if (why_.empty()) why_ = scene_.verdict();
}

void Execution::prepare(unsigned number) {
  auto& context = actors_[number]->context;
  getcontext(&context);
  context.uc_stack.ss_sp = stack_of(number);
  context.uc_stack.ss_size = stack_size;
  context.uc_link = &outside_;
  makecontext(&context, reinterpret_cast<void (*)()>(&Execution::enter), 1, number);
}

void Execution::enter(unsigned number) noexcept {
  auto& self = *executed;
  auto& coroutine = *self.actors_[number];
  self.step();
  coroutine.actor.run();
  self.flush();
  self.note("ends");
  coroutine.state = State::ended;
  self.leave();
}

bool Execution::can_run(Option actor) const {
  const auto& coroutine = *actors_[actor];
  return coroutine.state == State::ready ||
         (coroutine.state == State::waiting && (*coroutine.until)());
}

// Behind a free first place; those that come next, first.
std::span<const Option> Execution::others() {
  std::size_t count = 1;
  const auto all = static_cast<Option>(actors_.size());
  for (Option distance = 1; distance < all; ++distance) {
    const auto actor = static_cast<Option>((running_ + distance) % all);
    if (can_run(actor)) options_.at(count++) = actor;
  }
  return std::span(options_).subspan(1, count - 1);
}

Option Execution::choose(std::span<const Option> options, bool costs) {
  const auto chosen = strategy_.choose(step_, options, costs);
  if (chosen != options.front()) schedule_.push_back({step_, chosen});
  return chosen;
}

void Execution::go_on_with(Option actor) {
  if (actor == running_) return;
  auto& from = actors_[running_]->context;
  running_ = actor;
  swapcontext(&from, &actors_[actor]->context);
}

// A run that goes on and on has failed.
void Execution::count_step() {
  if (++step_ > most_steps) fail("it goes on and on");
}

void Execution::step() {
  count_step();
  spins_ = 0;
  const auto others_there = others();
  if (others_there.empty()) return;
  options_.front() = running_;
  go_on_with(choose({options_.data(), others_there.size() + 1}, true));
}

void Execution::yield() {
  count_step();
  flush();
  const auto options = others();
  if (options.empty() || ++spins_ > most_spins)
    fail(bellwire::text("{} spins, and nobody else goes on", actors_[running_]->actor.name));
  go_on_with(choose(options, false));
}

void Execution::let_others_go_first() {
  count_step();
  flush();
  if (const auto options = others(); !options.empty()) go_on_with(choose(options, true));
}

void Execution::wait(const char* for_what, const std::function<bool()>& until) {
  step();
  flush();
  auto& self = *actors_[running_];
  if (until()) return;
  note(bellwire::text("waits for {}", for_what));
  self.for_what = for_what;
  self.until = &until;
  self.state = State::waiting;
  count_step();
  leave();
  self.state = State::ready;
}

// The actor can't go on: another one does, or none can.
void Execution::leave() {
  const auto options = others();
  if (!options.empty()) return go_on_with(choose(options, false));
  const bool ended =
      std::ranges::all_of(actors_, [](const auto& actor) { return actor->state == State::ended; });
  if (!ended) fail(who_waits());
  setcontext(&outside_);
}

std::string Execution::who_waits() const {
  std::string words;
  for (const auto& actor : actors_)
    if (actor->state == State::waiting)
      words += bellwire::text("{}{} waits for {}", words.empty() ? "" : ", ", actor->actor.name,
                              actor->for_what);
  return words + ", for ever";
}

// The coroutines are left where they are; what their scene has is the scene's.
void Execution::fail(const std::string& why) {
  why_ = why;
  setcontext(&outside_);
}

void Execution::store(void* place, std::uint64_t value, std::size_t size, bool in_order) {
  static constexpr std::array<Option, 2> when = {is_late - 1, is_late};
  auto& late = actors_[running_]->late;
  if (in_order) flush();
  const bool is_seen_late = !in_order && (!late.empty() || choose(when, true) == is_late);
  if (is_seen_late)
    late.push_back({place, value, size});
  else
    std::memcpy(place, &value, size);
}

void Execution::flush() noexcept {
  auto& late = actors_[running_]->late;
  for (; !late.empty(); late.pop_front())
    std::memcpy(late.front().place, &late.front().value, late.front().size);
}

const LateStore* Execution::own_store(const void* place) const noexcept {
  const auto& late = actors_[running_]->late;
  const auto found = std::find_if(late.rbegin(), late.rend(),
                                  [&](const LateStore& store) { return store.place == place; });
  return found == late.rend() ? nullptr : &*found;
}

std::uint64_t& Execution::rings(int fd) {
  const auto found = std::ranges::find(rings_, fd, &std::pair<int, std::uint64_t>::first);
  return found != rings_.end() ? found->second : rings_.emplace_back(fd, 0).second;
}

std::uint64_t Execution::take_rings(int fd) {
  step();
  flush();
  const auto count = std::exchange(rings(fd), 0);
  note(bellwire::text("drains its eventfd: {}", count));
  return count;
}

void Execution::note(const char* verb, const void* place, std::uint64_t value) {
  if (!noting_) return;
  const auto name = scene_.name_of(place);
  if (!name.empty()) note(bellwire::text("{} {}: {}", verb, name, value));
}

void Execution::note(const std::string& what) {
  if (noting_) story_.push_back({step_, running_, what});
}

void step(const char* what) {
  if (auto* run = Execution::current()) {
    run->step();
    run->note(what);
  }
}

void wait(const char* for_what, const std::function<bool()>& until) {
  if (auto* run = Execution::current()) run->wait(for_what, until);
}

void let_others_go_first() {
  if (auto* run = Execution::current()) run->let_others_go_first();
}

std::uint64_t rings(int fd) {
  auto* run = Execution::current();
  return run != nullptr ? run->rings(fd) : 0;
}

std::uint64_t take_rings(int fd) {
  auto* run = Execution::current();
  return run != nullptr ? run->take_rings(fd) : 0;
}

void fail_run(const std::string& why) {
  if (auto* run = Execution::current()) run->fail(why);
}

}  // namespace bellwire::explore
