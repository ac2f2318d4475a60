// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/mapping_share.hpp"

#include <fstream>
#include <mutex>

namespace bellwire::vfio_user {
namespace {

constexpr std::uint64_t usual_limit = 65530;  // of a kernel that doesn't say

struct Taken {
  std::mutex mutex;
  std::uint64_t mappings = 0;
  std::uint64_t bytes = 0;
};

Taken& taken() {
  static Taken all;
  return all;
}

}  // namespace

std::uint64_t MappingShare::most_mappings() {
  static const std::uint64_t limit = [] {
    std::uint64_t value = 0;
    return std::ifstream("/proc/sys/vm/max_map_count") >> value ? value : usual_limit;
  }();
  return limit / 2;
}

std::optional<MappingShare> MappingShare::take(std::uint64_t bytes) {
  auto& all = taken();
  const std::lock_guard lock(all.mutex);
  if (bytes == 0 || bytes > most_bytes - all.bytes || all.mappings >= most_mappings())
    return std::nullopt;
  ++all.mappings;
  all.bytes += bytes;
  return MappingShare(bytes);
}

MappingShare::~MappingShare() {
  if (bytes_ == 0) return;
  auto& all = taken();
  const std::lock_guard lock(all.mutex);
  --all.mappings;
  all.bytes -= bytes_;
}

}  // namespace bellwire::vfio_user
