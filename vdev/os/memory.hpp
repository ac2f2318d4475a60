// SPDX-License-Identifier: BSD-3-Clause
//
// Memory that processes share: a memfd to create it, a Mapping to use it, and a MemoryGuard for
// when somebody takes it away.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::os {

// MemoryGuard keeps this process alive when mapped memory disappears. Whoever has a file's
// descriptor may truncate the file unless it is sealed (F_SEAL_SHRINK), and a device may be
// unplugged; the next access to a mapping of it raises SIGBUS, which by default ends the process.
// The guard's signal handler replaces the whole guarded mapping by zeroed private memory, for good,
// records the loss, and lets the access continue. A SIGBUS at any other address, or of another
// cause, is passed on to the previous handler.
//
// Any thread may access, guard and drop. The handler takes no lock and allocates nothing.

/// Records losses, and makes an event loop aware of them. The mappings of one peer share one.
class MemoryLoss {
 public:
  /// EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] static Result<std::shared_ptr<MemoryLoss>> create();

  [[nodiscard]] bool happened() const noexcept { return happened_.load(std::memory_order_acquire); }
  /// Readable from the first loss on, for an event loop to wait for. Don't read it.
  [[nodiscard]] int fd() const noexcept { return event_.fd(); }

  /// Called by the signal handler.
  void note() noexcept;

 private:
  explicit MemoryLoss(EventFd event) noexcept : event_(std::move(event)) {}
  EventFd event_;
  std::atomic<bool> happened_ = false;
};

/// Guards a mapping while it lives. Its owner asks lost() when convenient, or passes a MemoryLoss
/// and waits for that.
class MemoryGuard {
 public:
  /// `memory` is a whole mapping, in pages of its own page size. It must stay mapped until the
  /// guard is dropped, and have no other guard. ENOMEM; errors of sigaction().
  [[nodiscard]] static Result<MemoryGuard> create(std::span<std::byte> memory,
                                                  std::shared_ptr<MemoryLoss> loss = nullptr);

  MemoryGuard(MemoryGuard&& other) noexcept;
  MemoryGuard& operator=(MemoryGuard&&) = delete;
  ~MemoryGuard();

  /// Whether the memory has disappeared and was accessed since.
  [[nodiscard]] bool lost() const noexcept;

 private:
  struct Range;
  friend struct GuardedRanges;
  MemoryGuard(Range& range, std::shared_ptr<MemoryLoss> loss) noexcept;
  std::shared_ptr<MemoryLoss> loss_;
  Range* range_;
};

// Memory that processes share: a memfd to make it, a Mapping to use it.

/// Anonymous shared memory of `size` zeroed bytes. Its pages are allocated now, so that no later
/// access can raise SIGBUS, and its size is sealed, so that no peer that gets the descriptor can
/// take them away. Where the kernel can (6.3), nobody can run it as a program either. ENOSPC,
/// ENOMEM, EFBIG.
[[nodiscard]] Result<UniqueFd> create_memfd(const std::string& name, std::uint64_t size);

/// Bytes that this machine can still provide, including page cache that it would drop for them.
[[nodiscard]] std::uint64_t available_memory();

/// The size in bytes of the file behind `fd`.
[[nodiscard]] Result<std::uint64_t> file_size(int fd);

/// Whether nobody can make the file behind `fd` shorter, so that no access to a mapping of it can
/// raise SIGBUS.
[[nodiscard]] bool sealed_against_shrinking(int fd) noexcept;

/// A shared mapping, readable and writable. Unmapped when dropped.
class Mapping {
 public:
  /// Maps `size` bytes of `fd` from `offset` on, a multiple of the page size.
  [[nodiscard]] static Result<Mapping> create(int fd, std::uint64_t size, std::uint64_t offset = 0);

  /// The same for a file that came from a peer, which may be of huge pages. All of it must be
  /// there; if it is taken away later, `loss` records that and accesses stay harmless. EINVAL: the
  /// file is too short, or not a file.
  [[nodiscard]] static Result<Mapping> of_peer(int fd, std::uint64_t size,
                                               std::shared_ptr<MemoryLoss> loss,
                                               std::uint64_t offset = 0);

  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        mapped_(other.mapped_),
        guard_(std::move(other.guard_)) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  Mapping(std::byte* data, std::size_t size, std::size_t mapped) noexcept
      : data_(data), size_(size), mapped_(mapped) {}
  static Result<Mapping> map(int fd, std::uint64_t size, std::uint64_t offset, std::uint64_t page);
  std::byte* data_;
  std::size_t size_;
  std::size_t mapped_;  // whole pages
  std::optional<MemoryGuard> guard_;
};

}  // namespace bellwire::os
