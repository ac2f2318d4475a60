// SPDX-License-Identifier: BSD-3-Clause
//
// io_uring by its raw system calls: either the sender's ring puts a completion into the receiver's
// (IORING_OP_MSG_RING, since Linux 5.18), or the receiver's ring reads an eventfd.
#include <linux/io_uring.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <optional>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "vdev/os/fd.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

// Memory of a ring, at the offset that says which part of it.
class RingMemory {
 public:
  RingMemory() = default;
  RingMemory(int ring, std::size_t size, off_t offset) noexcept
      : memory_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, offset)),
        size_(size) {}
  RingMemory(RingMemory&&) = delete;
  RingMemory& operator=(RingMemory&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~RingMemory() {
    if (valid()) ::munmap(memory_, size_);
  }
  [[nodiscard]] bool valid() const noexcept { return memory_ != MAP_FAILED; }
  template <class Type>
  [[nodiscard]] Type* at(std::size_t offset) const noexcept {
    return reinterpret_cast<Type*>(static_cast<std::byte*>(memory_) + offset);
  }

 private:
  void* memory_ = MAP_FAILED;
  std::size_t size_ = 0;
};

class IoUring {
 public:
  struct Completion {
    std::uint64_t user_data;
    int result;
  };

  [[nodiscard]] bool open(unsigned completions) noexcept {
    shape_.flags = IORING_SETUP_CQSIZE;
    shape_.cq_entries = completions;
    fd_.reset(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &shape_)));
    if (!fd_.valid() || (shape_.features & IORING_FEAT_SINGLE_MMAP) == 0) return false;
    const auto size = shape_.cq_off.cqes + shape_.cq_entries * sizeof(io_uring_cqe);
    rings_ = RingMemory(fd_.get(), size, IORING_OFF_SQ_RING);
    entries_ = RingMemory(fd_.get(), sizeof(io_uring_sqe), IORING_OFF_SQES);
    return rings_.valid() && entries_.valid();
  }

  bool enter(unsigned submit) noexcept {
    return ::syscall(SYS_io_uring_enter, fd_.get(), submit, 1, IORING_ENTER_GETEVENTS, nullptr,
                     0) >= 0;
  }

  // Its one entry, to be filled in; then enter(1).
  io_uring_sqe& next() noexcept {
    rings_.at<std::atomic<unsigned>>(shape_.sq_off.tail)->fetch_add(1, std::memory_order_release);
    *rings_.at<unsigned>(shape_.sq_off.array) = 0;
    auto& entry = *entries_.at<io_uring_sqe>(0);
    entry = {};
    return entry;
  }

  std::optional<Completion> take() noexcept {
    auto& head = *rings_.at<std::atomic<unsigned>>(shape_.cq_off.head);
    const auto& tail = *rings_.at<std::atomic<unsigned>>(shape_.cq_off.tail);
    const unsigned place = head.load(std::memory_order_relaxed);
    if (place == tail.load(std::memory_order_acquire)) return std::nullopt;
    const auto slot = place & (shape_.cq_entries - 1);
    const auto* taken = rings_.at<io_uring_cqe>(shape_.cq_off.cqes) + slot;
    const Completion copy{taken->user_data, taken->res};
    head.store(place + 1, std::memory_order_release);
    return copy;
  }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  io_uring_params shape_{};
  UniqueFd fd_;
  RingMemory rings_, entries_;
};

class UringMessage final : public Channel {
 public:
  Result<void> open() override {
    constexpr unsigned room = 4096;  // completions that wait for the receiver
    if (!receiver_.open(room) || !sender_.open(1))
      return bellwire::system_fault("cannot make an io_uring");
    return {};
  }
  bool send(std::uint64_t number) noexcept override {
    auto& entry = sender_.next();
    entry.opcode = IORING_OP_MSG_RING;
    entry.fd = receiver_.fd();
    entry.off = number;  // becomes the completion's user_data
    if (!sender_.enter(1)) return false;
    const auto done = sender_.take();
    return done && done->result >= 0;
  }
  Received wait(Numbers numbers) noexcept override {
    if (!receiver_.enter(0)) return {};
    std::size_t count = 0;
    while (count < numbers.size()) {
      const auto message = receiver_.take();
      if (!message) break;
      numbers[count++] = message->user_data;
    }
    return {count, count};
  }

 private:
  IoUring receiver_, sender_;
};

class EventFdUring final : public Channel {
 public:
  Result<void> open() override {
    event_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!event_.valid() || !ring_.open(1))
      return bellwire::system_fault("cannot make an eventfd and an io_uring");
    return {};
  }
  Ends ends() const noexcept override { return {event_.get(), event_.get()}; }
  bool send(std::uint64_t) noexcept override { return write_number(event_.get(), 1); }
  Received wait(Numbers) noexcept override {
    if (!reading_) submit();
    if (!ring_.enter(std::exchange(unsubmitted_, 0))) return {};
    const auto read = ring_.take();
    if (!read) return {};
    reading_ = false;
    return {read->result == sizeof count_ ? count_ : 0, 0};
  }

 private:
  void submit() noexcept {
    auto& entry = ring_.next();
    entry.opcode = IORING_OP_READ;
    entry.fd = event_.get();
    entry.addr = reinterpret_cast<std::uintptr_t>(&count_);
    entry.len = sizeof count_;
    reading_ = true;
    unsubmitted_ = 1;
  }

  UniqueFd event_;
  IoUring ring_;
  std::uint64_t count_ = 0;
  bool reading_ = false;  // between waits that were cut short, too
  unsigned unsubmitted_ = 0;
};

constexpr Mechanism io_uring_rows[] = {
    {"eventfd, io_uring", "IORING_OP_READ of it",
     "io_uring.cpp:EventFdUring io_uring.cpp:IoUring io_uring.cpp:RingMemory", make<EventFdUring>},
    {"io_uring message", "IORING_OP_MSG_RING from ring to ring",
     "io_uring.cpp:UringMessage io_uring.cpp:IoUring io_uring.cpp:RingMemory", make<UringMessage>},
};

}  // namespace

std::span<const Mechanism> io_uring() {
  return io_uring_rows;
}

}  // namespace bell::compare
