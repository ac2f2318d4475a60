// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/leftover.hpp"

#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include <array>
#include <atomic>
#include <csignal>

namespace bell::compare {
namespace {

void remove(Leftover::Kind kind, int id) noexcept {
  if (kind == Leftover::Kind::queue)
    ::msgctl(id, IPC_RMID, nullptr);
  else
    ::semctl(id, 0, IPC_RMID);
}

// What the handler is to remove: the id and one, and 0 where there is none.
struct Place {
  std::atomic<int> id_and_one = 0;
  std::atomic<Leftover::Kind> kind = Leftover::Kind::queue;
};
std::array<Place, Leftover::most> places;  // NOLINT: the handler has no other way to them

// Both calls are plain system calls. The signal ends the process when the handler has returned.
void on_signal(int number) {
  for (auto& place : places)
    if (const int id = place.id_and_one.load(); id > 0) remove(place.kind.load(), id - 1);
  ::raise(number);
}

}  // namespace

void leave_the_shared_ipc() noexcept {
  static_cast<void>(::unshare(CLONE_NEWIPC));
}

void remove_leftovers_at_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    // One that is ignored, as under nohup, stays so.
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      ::sigaction(number, &action, nullptr);
  }
}

Leftover::Leftover(Kind kind, int id) noexcept : kind_(kind), id_(id) {
  if (id < 0) return;
  for (slot_ = 0; slot_ < most && places[slot_].id_and_one.load() != 0; ++slot_) {
  }
  if (slot_ == most) return;
  places[slot_].kind.store(kind);
  places[slot_].id_and_one.store(id + 1);
}

Leftover::~Leftover() {
  if (id_ < 0) return;
  remove(kind_, id_);
  if (slot_ < most) places[slot_].id_and_one.store(0);
}

}  // namespace bell::compare
