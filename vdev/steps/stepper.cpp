// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/stepper.hpp"

#include <algorithm>
#include <utility>

#include "vdev/ring/trace.hpp"

namespace bellwire::steps {
namespace {

bool same(const StepGate::Hop& one, const StepGate::Hop& other) {
  return one.queue == other.queue && one.stage == other.stage;
}

// The hops that a queue does one after the other.
bool of_queue(bellwire_stage stage) {
  return stage >= BELLWIRE_TAKEN && stage <= BELLWIRE_RAISED;
}

}  // namespace

void Stepper::attach(View view, Resume resume) {
  const std::lock_guard lock(mutex_);
  view_.emplace(std::move(view));
  resume_ = std::move(resume);
}

void Stepper::detach() {
  const std::lock_guard lock(mutex_);
  view_.reset();
  resume_ = nullptr;
  std::erase_if(entries_, [](const Entry& entry) { return !entry.waits; });
}

void Stepper::tried(const Hop& hop) {
  const std::lock_guard lock(mutex_);
  if (const auto* const entry = find(hop); entry != nullptr && entry->open) erase(hop);
}

Stepper::Held Stepper::look() const {
  const std::lock_guard lock(mutex_);
  Held held{.stop = std::nullopt, .values = {}, .runs = runs_};
  const auto entry = std::ranges::find(entries_, false, &Entry::open);
  if (entry != entries_.end()) held.stop = stop_at(entry->hop);
  const unsigned queue = held.stop ? held.stop->queue : 0;
  if (!view_ || queue >= view_->layout.queues()) return held;
  held.values = values_of(view_->layout.queue(queue));
  add_count(held.values, "doorbell", view_->doorbells[queue].fd());
  add_count(held.values, "interrupt", view_->interrupts[queue].fd());
  return held;
}

void Stepper::next() {
  Resume resume;
  std::optional<Hop> hop;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = std::ranges::find(entries_, false, &Entry::open);
    if (entry == entries_.end()) return;
    entry->open = true;
    if (!entry->waits) resume = resume_, hop = entry->hop;
  }
  opened_.notify_all();
  if (resume) resume(*hop);
}

// A queue in slow motion says so to its driver, who may look for what is lost again now.
void Stepper::run() {
  Resume resume;
  std::vector<Entry> all;
  {
    const std::lock_guard lock(mutex_);
    runs_ = true;
    resume = resume_;
    for (auto& entry : entries_)
      if (!std::exchange(entry.open, true) && !entry.waits) all.push_back(entry);
    for (unsigned index = 0; view_ && index < view_->layout.queues(); ++index)
      ring::set_recording(view_->layout.queue(index), BELLWIRE_HOST_STEPS, false);
  }
  opened_.notify_all();
  for (const auto& entry : all)
    if (resume) resume(entry.hop);
}

void Stepper::stop() noexcept {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  opened_.notify_all();
}

bool Stepper::waits(const Hop& hop) {
  std::unique_lock lock(mutex_);
  if (!runs_) entries_.push_back({.hop = hop, .waits = true});
  opened_.wait(lock, [&] {
    const auto* const entry = find(hop);
    return stopped_ || runs_ || entry == nullptr || entry->open;
  });
  erase(hop);
  return !stopped_;
}

bool Stepper::may_pass(const Hop& hop) noexcept {
  const std::lock_guard lock(mutex_);
  if (runs_) return true;
  forget_others(hop);
  const auto* const entry = find(hop);
  const bool open = entry != nullptr && entry->open;
  if (open) erase(hop);
  if (entry == nullptr) entries_.push_back({.hop = hop});
  return open;
}

Stepper::Entry* Stepper::find(const Hop& hop) {
  const auto entry =
      std::ranges::find_if(entries_, [&](const Entry& each) { return same(each.hop, hop); });
  return entry == entries_.end() ? nullptr : &*entry;
}

void Stepper::erase(const Hop& hop) {
  std::erase_if(entries_, [&](const Entry& each) { return same(each.hop, hop); });
}

// A queue is held before one of them at a time: others are those of a generation that is over.
void Stepper::forget_others(const Hop& hop) {
  if (!of_queue(hop.stage)) return;
  std::erase_if(entries_, [&](const Entry& each) {
    return each.hop.queue == hop.queue && of_queue(each.hop.stage) && !same(each.hop, hop);
  });
}

}  // namespace bellwire::steps
