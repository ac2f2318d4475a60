// SPDX-License-Identifier: BSD-3-Clause
//
// Message queues and semaphores, each in System V's and in POSIX's kind. A message is received
// alone; of a semaphore's count the receiver takes one at a time.
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-kmod/bell/compare/mechanisms/ipc_objects.hpp"
#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"

namespace bell::compare {
namespace {

class SystemVQueue final : public Channel {
 public:
  Result<void> open() override {
    const int id = ::msgget(IPC_PRIVATE, IPC_CREAT | S_IRUSR | S_IWUSR);
    queue_ = SystemVObject(SystemVObject::Kind::queue, id);
    if (id < 0) return bellwire::system_fault("cannot make a System V message queue");
    return {};
  }
  bool send(std::uint64_t number) noexcept override {
    const Message message{1, number};
    return ::msgsnd(queue_.id(), &message, sizeof message.number, 0) == 0;
  }
  Received wait(Numbers numbers) noexcept override {
    Message message{};
    if (::msgrcv(queue_.id(), &message, sizeof message.number, 0, 0) < 0) return {};
    numbers[0] = message.number;
    return {1, 1};
  }

 private:
  struct Message {
    long type;
    std::uint64_t number;
  };
  SystemVObject queue_;
};

class PosixQueue final : public Channel {
 public:
  ~PosixQueue() override {
    if (queue_ >= 0) ::mq_close(queue_);
  }
  Result<void> open() override {
    const auto name = bellwire::text("/bell-queue-{}", ::getpid());
    mq_attr shape{};
    shape.mq_maxmsg = 10;  // what Linux gives everybody
    shape.mq_msgsize = sizeof(std::uint64_t);
    queue_ = ::mq_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, S_IRUSR | S_IWUSR, &shape);
    if (queue_ < 0) return bellwire::system_fault("cannot make the POSIX message queue {}", name);
    ::mq_unlink(name.c_str());
    return {};
  }
  bool send(std::uint64_t number) noexcept override {
    return ::mq_send(queue_, reinterpret_cast<const char*>(&number), sizeof number, 0) == 0;
  }
  Received wait(Numbers numbers) noexcept override {
    auto* message = reinterpret_cast<char*>(numbers.data());
    if (::mq_receive(queue_, message, sizeof(std::uint64_t), nullptr) < 0) return {};
    return {1, 1};
  }

 private:
  mqd_t queue_ = -1;
};

class SystemVSemaphore final : public Channel {
 public:
  Result<void> open() override {
    const int id = ::semget(IPC_PRIVATE, 1, IPC_CREAT | S_IRUSR | S_IWUSR);
    set_ = SystemVObject(SystemVObject::Kind::semaphores, id);
    if (id < 0) return bellwire::system_fault("cannot make a System V semaphore");
    return {};
  }
  bool send(std::uint64_t) noexcept override { return add(1); }
  Received wait(Numbers) noexcept override { return {add(-1) ? 1U : 0U, 0}; }

 private:
  bool add(short count) const noexcept {
    sembuf step{.sem_num = 0, .sem_op = count, .sem_flg = 0};
    return ::semop(set_.id(), &step, 1) == 0;
  }
  SystemVObject set_;
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
  Received wait(Numbers) noexcept override { return {::sem_wait(&*semaphore_) == 0 ? 1U : 0U, 0}; }

 private:
  SharedPage<sem_t> semaphore_;
};

constexpr Mechanism ipc_rows[] = {
    {"System V message queue", "msgsnd and msgrcv",
     "message_queues_and_semaphores.cpp:SystemVQueue", make<SystemVQueue>},
    {"POSIX message queue", "mq_send and mq_receive",
     "message_queues_and_semaphores.cpp:PosixQueue", make<PosixQueue>},
    {"System V semaphore", "semop +1 and -1", "message_queues_and_semaphores.cpp:SystemVSemaphore",
     make<SystemVSemaphore>},
    {"POSIX semaphore", "sem_post and sem_wait in shared memory",
     "message_queues_and_semaphores.cpp:PosixSemaphore", make<PosixSemaphore>},
};

}  // namespace

std::span<const Mechanism> message_queues_and_semaphores() {
  return ipc_rows;
}

}  // namespace bell::compare
