// SPDX-License-Identifier: BSD-3-Clause
//
// Semaphores, System V's and POSIX's: a count that the receiver takes one by one.
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>

#include "guest-kmod/bell/compare/leftover.hpp"
#include "guest-kmod/bell/compare/mechanism.hpp"
#include "guest-kmod/bell/compare/shared_page.hpp"

namespace bell::compare {
namespace {

class SystemVSemaphore final : public Channel {
 public:
  Result<void> open() override {
    const int id = ::semget(IPC_PRIVATE, 1, IPC_CREAT | S_IRUSR | S_IWUSR);
    set_ = Leftover(Leftover::Kind::semaphores, id);
    if (id < 0) return bellwire::system_fault("cannot make a System V semaphore");
    return {};
  }
  bool send(std::uint64_t) noexcept override { return add(1); }
  Taken wait(Numbers) noexcept override { return {add(-1) ? 1U : 0U, 0}; }

 private:
  bool add(short count) const noexcept {
    sembuf step{.sem_num = 0, .sem_op = count, .sem_flg = 0};
    return ::semop(set_.id(), &step, 1) == 0;
  }
  Leftover set_;
};

class PosixSemaphore final : public Channel {
 public:
  Result<void> open() override {
    auto page = SharedPage<sem_t>::create();
    if (!page) return page.error();
    semaphore_ = std::move(*page);
    if (::sem_init(&*semaphore_, 1, 0) != 0)
      return bellwire::system_fault("cannot make a POSIX semaphore");
    return {};
  }
  bool send(std::uint64_t) noexcept override { return ::sem_post(&*semaphore_) == 0; }
  Taken wait(Numbers) noexcept override { return {::sem_wait(&*semaphore_) == 0 ? 1U : 0U, 0}; }

 private:
  SharedPage<sem_t> semaphore_;
};

constexpr Mechanism semaphore_rows[] = {
    {"System V semaphore", "semop +1 and -1", "semaphores.cpp:SystemVSemaphore",
     make<SystemVSemaphore>},
    {"POSIX semaphore", "sem_post and sem_wait in shared memory", "semaphores.cpp:PosixSemaphore",
     make<PosixSemaphore>},
};

}  // namespace

std::span<const Mechanism> semaphores() {
  return semaphore_rows;
}

}  // namespace bell::compare
