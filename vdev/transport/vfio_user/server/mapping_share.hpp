// SPDX-License-Identifier: BSD-3-Clause
//
// MappingShare: one client mapping's part of what this process may map for all its clients. The
// kernel gives a process so many mappings (vm.max_map_count) and so many addresses; a client that
// used them up would leave none for malloc, and so end the process for all. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace bellwire::vfio_user {

class MappingShare {
 public:
  /// Bytes that are mapped at most: no guest has as many, and an eighth of the process's addresses.
  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 44;
  /// Mappings that there are at most: half of what the kernel allows.
  [[nodiscard]] static std::uint64_t most_mappings();

  /// Empty: there is no room for one of so many bytes.
  [[nodiscard]] static std::optional<MappingShare> take(std::uint64_t bytes);

  MappingShare(MappingShare&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
  MappingShare& operator=(MappingShare&&) = delete;
  ~MappingShare();

 private:
  explicit MappingShare(std::uint64_t bytes) noexcept : bytes_(bytes) {}
  std::uint64_t bytes_;  // 0: moved from
};

}  // namespace bellwire::vfio_user
