// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/mechanisms/ipc_objects.hpp"

#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include <array>
#include <atomic>
#include <csignal>

namespace bell::compare {
namespace {

void remove(SystemVObject::Kind kind, int id) noexcept {
  if (kind == SystemVObject::Kind::queue)
    ::msgctl(id, IPC_RMID, nullptr);
  else
    ::semctl(id, 0, IPC_RMID);
}

// An object that the handler removes: its id plus one; 0: none.
struct RegisteredObject {
  std::atomic<int> id_and_one = 0;
  std::atomic<SystemVObject::Kind> kind = SystemVObject::Kind::queue;
};
std::array<RegisteredObject, SystemVObject::most> places;  // NOLINT: a handler takes no argument

// msgctl and semctl are plain system calls. The raised signal ends the process after the return.
void on_signal(int number) {
  for (auto& place : places)
    if (const int id = place.id_and_one.load(); id > 0) remove(place.kind.load(), id - 1);
  ::raise(number);
}

}  // namespace

void enter_own_ipc_namespace() noexcept {
  static_cast<void>(::unshare(CLONE_NEWIPC));
}

void remove_system_v_objects_at_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    // A signal that is ignored, as under nohup, stays ignored.
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      ::sigaction(number, &action, nullptr);
  }
}

SystemVObject::SystemVObject(Kind kind, int id) noexcept : kind_(kind), id_(id) {
  if (id < 0) return;
  for (slot_ = 0; slot_ < most && places[slot_].id_and_one.load() != 0; ++slot_) {
  }
  if (slot_ == most) return;
  places[slot_].kind.store(kind);
  places[slot_].id_and_one.store(id + 1);
}

SystemVObject::~SystemVObject() {
  if (id_ < 0) return;
  remove(kind_, id_);
  if (slot_ < most) places[slot_].id_and_one.store(0);
}

}  // namespace bell::compare
