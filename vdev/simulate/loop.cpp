// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/loop.hpp"

#include <algorithm>

namespace bellwire::simulate {
namespace {

using namespace std::chrono_literals;

std::vector<Loop*>& loops() {
  static std::vector<Loop*> all;
  return all;
}

}  // namespace

Loop::Loop(Process& process) : process_(process) {
  loops().push_back(this);
  add(asio_);
}

Loop::~Loop() {
  std::erase(loops(), this);
}

Loop& Loop::of(boost::asio::io_context& context) {
  return **std::ranges::find_if(loops(), [&](Loop* loop) { return &loop->context_ == &context; });
}

std::optional<Time> Loop::Asio::ready() const noexcept {
  if (again) return Time::min();
  return epoll != nullptr ? epoll->next() : std::nullopt;
}

void Loop::Asio::handle() {
  loop.context_.restart();
  again = loop.context_.poll_one() > 0;
}

void Loop::run(const std::function<bool()>& until) {
  auto& random = World::current()->random();
  asio_.epoll = World::current()->files().epoll_of(process_);
  while (!until() && !process_.killed()) {
    if (run_one())
      process_.pause(random.time(200ns, 5us));
    else
      process_.wait_until(first());
  }
}

bool Loop::run_one() {
  if (!posted_.empty()) {
    const auto [owner, index] = std::move(posted_.front());
    posted_.pop_front();
    owner->on_post(index);
    return true;
  }
  auto& world = *World::current();
  ready_.clear();
  for (auto* source : sources_)
    if (const auto when = source->ready(); when && *when <= world.now()) ready_.push_back(source);
  if (ready_.empty()) return false;
  ready_[world.random().below(ready_.size())]->handle();
  return true;
}

Time Loop::first() const noexcept {
  auto first = Time::max();
  for (const auto* source : sources_) first = std::min(first, source->ready().value_or(first));
  return first;
}

}  // namespace bellwire::simulate
