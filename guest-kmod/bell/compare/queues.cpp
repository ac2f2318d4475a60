// SPDX-License-Identifier: BSD-3-Clause
//
// Message queues, System V's and POSIX's: each message is taken by itself.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-kmod/bell/compare/leftover.hpp"
#include "guest-kmod/bell/compare/mechanism.hpp"

namespace bell::compare {
namespace {

class SystemVQueue final : public Channel {
 public:
  Result<void> open() override {
    const int id = ::msgget(IPC_PRIVATE, IPC_CREAT | S_IRUSR | S_IWUSR);
    queue_ = Leftover(Leftover::Kind::queue, id);
    if (id < 0) return bellwire::system_fault("cannot make a System V message queue");
    return {};
  }
  bool send(std::uint64_t number) noexcept override {
    const Message message{1, number};
    return ::msgsnd(queue_.id(), &message, sizeof message.number, 0) == 0;
  }
  Taken wait(Numbers numbers) noexcept override {
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
  Leftover queue_;
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
  Taken wait(Numbers numbers) noexcept override {
    auto* message = reinterpret_cast<char*>(numbers.data());
    if (::mq_receive(queue_, message, sizeof(std::uint64_t), nullptr) < 0) return {};
    return {1, 1};
  }

 private:
  mqd_t queue_ = -1;
};

constexpr Mechanism queue_rows[] = {
    {"System V message queue", "msgsnd and msgrcv", "queues.cpp:SystemVQueue", make<SystemVQueue>},
    {"POSIX message queue", "mq_send and mq_receive", "queues.cpp:PosixQueue", make<PosixQueue>},
};

}  // namespace

std::span<const Mechanism> queues() {
  return queue_rows;
}

}  // namespace bell::compare
