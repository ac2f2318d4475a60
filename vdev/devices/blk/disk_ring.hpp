// SPDX-License-Identifier: BSD-3-Clause
//
// DiskRing: reads, writes, flushes and deallocates a disk's file by io_uring. Operations are
// collected until submit(), which starts all of them with one system call. An eventfd is rung when
// some have ended.
//
// One thread at a time. A pointer of the caller's identifies each operation.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/result.hpp"

struct io_uring;
struct io_uring_sqe;

namespace bellwire::blk {

class DiskRing {
 public:
  /// `fd` must stay open. ENOSYS, EPERM: the kernel has no io_uring, or it is forbidden. ENOMEM,
  /// EMFILE, ENFILE.
  [[nodiscard]] static Result<DiskRing> create(int fd);
  DiskRing(DiskRing&&) noexcept;
  DiskRing& operator=(DiskRing&&) = delete;
  ~DiskRing();

  // The parts must stay until submit() returns, their bytes until the operation has ended.
  void read(std::span<const iovec> parts, std::uint64_t offset, void* operation) noexcept;
  /// `durable`: it ends when the bytes are on the medium.
  void write(std::span<const iovec> parts, std::uint64_t offset, bool durable,
             void* operation) noexcept;
  void flush(void* operation) noexcept;
  /// `mode`: of fallocate(2).
  void allocate(int mode, std::uint64_t offset, std::uint64_t size, void* operation) noexcept;

  void submit() noexcept;

  /// What has ended: the result is as its system call's, an error is negative.
  struct Ended {
    void* operation;
    int result;
  };
  /// Up to ended.size(); returns how many.
  [[nodiscard]] unsigned reap(std::span<Ended> ended) noexcept;

  [[nodiscard]] const os::EventFd& event() const noexcept { return event_; }
  /// Whether the eventfd is rung.
  void set_event(bool rung) noexcept;

 private:
  struct Closer {
    void operator()(io_uring* ring) const noexcept;
  };
  using Ring = std::unique_ptr<io_uring, Closer>;
  DiskRing(Ring ring, os::EventFd event) noexcept;
  [[nodiscard]] io_uring_sqe& next() noexcept;

  Ring ring_;
  os::EventFd event_;
  unsigned waiting_ = 0;  // for submit()
};

}  // namespace bellwire::blk
