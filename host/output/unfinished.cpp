// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/unfinished.hpp"

#include <unistd.h>

#include <array>
#include <csignal>

namespace bellwire::host {
namespace {

std::array<std::atomic<const char*>, 8> names;  // more at a time no program writes
static_assert(std::atomic<const char*>::is_always_lock_free, "read in a signal's handler");

void remove_all_and_die(int number) {
  for (auto& name : names)
    if (const auto* const file = name.load()) ::unlink(file);
  std::signal(number, SIG_DFL);
  ::raise(number);
}

void take_over(int number) noexcept {
  struct sigaction now {};
  if (::sigaction(number, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  now.sa_handler = remove_all_and_die;
  ::sigaction(number, &now, nullptr);
}

}  // namespace

Unfinished::Unfinished(const char* name) noexcept {
  for (auto& place : names) {
    const char* nothing = nullptr;
    if (!place.compare_exchange_strong(nothing, name)) continue;
    place_ = &place;
    break;
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) take_over(number);
}

Unfinished::~Unfinished() {
  if (place_ != nullptr) place_->store(nullptr);
}

}  // namespace bellwire::host
