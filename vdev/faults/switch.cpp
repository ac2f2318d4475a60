// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/switch.hpp"

#include <algorithm>
#include <utility>

#include "vdev/log/log.hpp"

namespace bellwire {

// A fault that is invented has no signal to act on, and some happen to completions alone.
const std::array<FaultSwitch::Act, fault_actions> FaultSwitch::acts{&FaultSwitch::drop,
                                                                    &FaultSwitch::delay,
                                                                    &FaultSwitch::repeat,
                                                                    &FaultSwitch::merge,
                                                                    &FaultSwitch::reorder,
                                                                    &FaultSwitch::misroute,
                                                                    nullptr,
                                                                    &FaultSwitch::stall,
                                                                    &FaultSwitch::crash,
                                                                    nullptr,
                                                                    nullptr,
                                                                    &FaultSwitch::exchange};

std::shared_ptr<FaultSwitch> FaultSwitch::create(boost::asio::io_context& context,
                                                 std::shared_ptr<FaultTally> tally,
                                                 std::shared_ptr<FaultWitness> witness) {
  return std::shared_ptr<FaultSwitch>(
      new FaultSwitch(context, std::move(tally), std::move(witness)));
}

FaultSwitch::FaultSwitch(boost::asio::io_context& context, std::shared_ptr<FaultTally> tally,
                         std::shared_ptr<FaultWitness> witness)
    : context_(context), tally_(std::move(tally)), witness_(std::move(witness)), timer_(context) {}

Result<unsigned> FaultSwitch::add(Wire wire) {
  const auto free = std::ranges::find_if(places_, [](const auto& each) { return !each; });
  const auto place = static_cast<unsigned>(free - places_.begin());
  auto reader = EventReader::create(context_, wire.from, place);
  if (!reader) return reader.error();
  if (free == places_.end()) places_.emplace_back();
  const auto kind = wire.kind;
  places_[place].emplace(Place{std::move(wire), std::move(*reader)});
  places_[place]->reader->wait(shared_from_this());
  begin_inventions(kind);
  return place;
}

void FaultSwitch::remove(unsigned place, bool pass_on) {
  auto& removed = *places_[place];
  removed.wire.line.reset();  // what is raised from now on goes nowhere new
  auto left = removed.reader->stop();
  left += removed.wire.from.drain().value_or(0);
  if (pass_on && left > 0) arrived(place, left);
  if (!pass_on && left > 0 && witness_ != nullptr)
    witness_->arrived(removed.wire.kind, removed.wire.index, left, true);
  while (const auto held = take_held([place](const Held& each) { return each.place == place; }))
    if (pass_on) send(removed.wire.to, held->count);
  const auto kind = removed.wire.kind;
  places_[place].reset();
  end_inventions(kind);
  set_timer();
}

void FaultSwitch::on_event(unsigned place, std::uint64_t count) {
  arrived(place, count);
  places_[place]->reader->wait(shared_from_this());
}

void FaultSwitch::arrived(unsigned place, std::uint64_t count) {
  const auto& wire = places_[place]->wire;
  auto fault = tally_ ? tally_->arrived(wire.kind, wire.index) : std::nullopt;
  if (fault && awaited(place, *fault)) fault.reset();
  const bool lost = fault && rule_of(*fault).action == FaultAction::drop;
  if (witness_ != nullptr) witness_->arrived(wire.kind, wire.index, count, lost);
  const auto merged = take_held(
      [place](const Held& held) { return held.place == place && held.until == Until::next; });
  if (merged) count += merged->count;
  fault ? inject(place, count, *fault) : pass(place, count);
  set_timer();
}

void FaultSwitch::inject(unsigned place, std::uint64_t count, const Fault& fault) {
  const auto action = rule_of(fault).action;
  if (const auto* const why = why_not(place, fault); why != nullptr) {
    const auto& wire = places_[place]->wire;
    log::warning("fault: {} {} {} on wire {} can't happen: {}", name_of_action(action),
                 name_of_wire(wire.kind), fault.number, wire.index, why);
    return pass(place, count);
  }
  note(place, fault);
  (this->*acts[static_cast<std::size_t>(action)])(place, count, fault);
}

const char* FaultSwitch::why_not(unsigned place, const Fault& fault) const {
  const auto action = rule_of(fault).action;
  const bool moves = action == FaultAction::reorder || action == FaultAction::misroute;
  if (moves && places_of(places_[place]->wire.kind).size() < 2)
    return "no other wire of its kind is in use";
  if (action == FaultAction::swap && !places_[place]->wire.line)
    return "its eventfd is not this side's to exchange";
  return held_.size() < most_held ? nullptr : "too many are held already";
}

bool FaultSwitch::awaited(unsigned place, const Fault& fault) const {
  const auto action = rule_of(fault).action;
  return std::ranges::any_of(held_, [&](const Held& held) {
    return (action == FaultAction::merge && held.place == place && held.until == Until::next) ||
           (action == FaultAction::reorder && swaps(held, place));
  });
}

// Two wires of a kind.
bool FaultSwitch::swaps(const Held& held, unsigned place) const {
  return held.until == Until::other && held.place != place &&
         places_[held.place]->wire.kind == places_[place]->wire.kind;
}

void FaultSwitch::note(unsigned place, const Fault& fault) {
  const auto& wire = places_[place]->wire;
  const auto newest =
      witness_ != nullptr ? witness_->newest_request(wire.kind, wire.index) : std::nullopt;
  tally_->injected(fault, wire.index, newest);
  const auto us = static_cast<double>(fault.time.count()) / 1e3;
  log::warning("fault: {} {}{} on wire {}{}{}", name_of_action(rule_of(fault).action),
               name_of_wire(wire.kind), fault.number > 0 ? text(" {}", fault.number) : "",
               wire.index, us > 0 ? text(" ({:.1f} us)", us) : "",
               newest ? text(", newest request {}", newest->request) : "");
}

// What waits for another wire's signal follows it.
void FaultSwitch::pass(unsigned place, std::uint64_t count) {
  send(places_[place]->wire.to, count);
  while (const auto held = take_held([&](const Held& each) { return swaps(each, place); }))
    send(places_[held->place]->wire.to, held->count);
}

// An interrupt's line takes one at a time.
void FaultSwitch::send(const Target& to, std::uint64_t count) noexcept {
  if (const auto* const event = std::get_if<os::EventFd>(&to))
    event->ring(count);
  else
    std::get<Interrupt>(to).raise();
}

const FaultRule& FaultSwitch::rule_of(const Fault& fault) const noexcept {
  return tally_->rule(fault.rule);
}

std::vector<unsigned> FaultSwitch::places_of(FaultWire kind) const {
  std::vector<unsigned> places;
  for (unsigned place = 0; place < places_.size(); ++place)
    if (places_[place] && places_[place]->wire.kind == kind) places.push_back(place);
  return places;
}

// The faults

void FaultSwitch::drop(unsigned, std::uint64_t, const Fault&) {}

void FaultSwitch::delay(unsigned place, std::uint64_t count, const Fault& fault) {
  hold(place, count, fault, Until::time);
}

void FaultSwitch::repeat(unsigned place, std::uint64_t count, const Fault& fault) {
  pass(place, count);
  hold(place, count, fault, Until::time);
}

void FaultSwitch::merge(unsigned place, std::uint64_t count, const Fault& fault) {
  hold(place, count, fault, Until::next);
}

void FaultSwitch::reorder(unsigned place, std::uint64_t count, const Fault& fault) {
  hold(place, count, fault, Until::other);
}

void FaultSwitch::misroute(unsigned place, std::uint64_t count, const Fault& fault) {
  auto others = places_of(places_[place]->wire.kind);
  std::erase(others, place);
  pass(others[fault.random % others.size()], count);
}

void FaultSwitch::stall(unsigned place, std::uint64_t count, const Fault& fault) {
  tally_->stall(fault.time);
  pass(place, count);
}

void FaultSwitch::crash(unsigned, std::uint64_t, const Fault&) {
  crash_process(*tally_);
}

void FaultSwitch::exchange(unsigned place, std::uint64_t count, const Fault&) {
  if (const auto done = exchange_event(place); !done)
    log::warning("fault: an eventfd stays as it is: {}", done.error().message);
  pass(place, count);
}

// As a front-end does that connects an interrupt anew. While the line is unbound, nobody writes the
// old eventfd any more, and what is raised is kept for the new one. What is left in the old one
// comes as one with the signal that passes on next.
Result<void> FaultSwitch::exchange_event(unsigned place) {
  auto& [wire, reader] = *places_[place];
  auto event = os::EventFd::create();
  if (!event) return event.error();
  auto from = event->duplicate();
  if (!from) return from.error();
  auto next = EventReader::create(context_, *from, place);
  if (!next) return next.error();
  (void)wire.line->unbind();
  wire.from = std::move(*from);
  reader.emplace(std::move(*next));
  wire.line->bind(std::move(*event));
  return {};
}

// What is held

void FaultSwitch::hold(unsigned place, std::uint64_t count, const Fault& fault, Until until) {
  held_.push_back({Clock::now() + fault.time, place, count, until});
}

template <class Chosen>
std::optional<FaultSwitch::Held> FaultSwitch::take_held(const Chosen& chosen) {
  const auto found = std::ranges::find_if(held_, chosen);
  if (found == held_.end()) return std::nullopt;
  const auto taken = *found;
  held_.erase(found);
  return taken;
}

void FaultSwitch::on_time() {
  set_for_.reset();
  const auto now = Clock::now();
  while (const auto held = take_held([now](const Held& each) { return each.when <= now; }))
    pass(held->place, held->count);
  for (auto& invention : inventions_)
    if (invention.when <= now) invent(invention, now);
  set_timer();
}

void FaultSwitch::set_timer() {
  std::optional<Clock::time_point> first;
  const auto consider = [&first](const auto& each) {
    first = std::min(first.value_or(each.when), each.when);
  };
  std::ranges::for_each(held_, consider);
  std::ranges::for_each(inventions_, consider);
  if (first == set_for_) return;
  set_for_ = first;
  first ? timer_.wait(*first, shared_from_this()) : timer_.cancel();
}

// What is invented

void FaultSwitch::begin_inventions(FaultWire kind) {
  if (!tally_ || places_of(kind).size() > 1) return;
  const auto& rules = tally_->plan().rules;
  for (std::size_t index = 0; index < rules.size(); ++index)
    if (rules[index].action == FaultAction::invent && rules[index].wire == kind) {
      const auto next = tally_->invent(index);
      inventions_.push_back({Clock::now() + next.time, next});
    }
  set_timer();
}

void FaultSwitch::end_inventions(FaultWire kind) {
  if (!places_of(kind).empty()) return;
  std::erase_if(inventions_,
                [this, kind](const Invention& each) { return rule_of(each.next).wire == kind; });
}

void FaultSwitch::invent(Invention& invention, Clock::time_point now) {
  const auto places = places_of(rule_of(invention.next).wire);
  const auto place = places[invention.next.random % places.size()];
  note(place, invention.next);
  pass(place, 1);
  invention.next = tally_->invent(invention.next.rule);
  invention.when = now + invention.next.time;
}

}  // namespace bellwire
