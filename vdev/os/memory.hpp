// SPDX-License-Identifier: BSD-3-Clause
//
// Memory that processes share: a memfd to make it, a Mapping to use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "vdev/os/memory_guard.hpp"
#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::os {

/// Anonymous shared memory of `size` bytes, zeroed and really there: its pages are allocated now,
/// so that no later touch can fail with SIGBUS, and its size is sealed, so that no peer that gets
/// the descriptor can take them away. ENOSPC, ENOMEM, EFBIG.
[[nodiscard]] Result<UniqueFd> create_memfd(const std::string& name, std::uint64_t size);

/// Bytes that this machine can give, page cache that it would drop for them included.
[[nodiscard]] std::uint64_t available_memory();

/// The size of the file behind `fd`.
[[nodiscard]] Result<std::uint64_t> file_size(int fd);

/// Whether nobody can make the file behind `fd` shorter, so that no touch of a mapping of it can
/// fail with SIGBUS.
[[nodiscard]] bool sealed_against_shrinking(int fd) noexcept;

/// Shared, readable and writable. Unmapped when dropped.
class Mapping {
 public:
  /// Maps `size` bytes of `fd` from `offset` on, which is a multiple of the page size.
  [[nodiscard]] static Result<Mapping> create(int fd, std::uint64_t size, std::uint64_t offset = 0);

  /// The same of a file that came from a peer: all of it must be there, and should it be taken away
  /// later, that is noted in `loss` and touching it stays harmless (memory_guard.hpp). Huge pages,
  /// too. EINVAL: the file is shorter, or no file.
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
