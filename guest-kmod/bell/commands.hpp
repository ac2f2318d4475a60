// SPDX-License-Identifier: BSD-3-Clause
//
// The subcommands of bell, with their options: what main.cpp runs. Each returns whether all was
// well, or an error if it could not do what it was asked to.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "guest-kmod/bell/ring/slow_ring.hpp"
#include "guest-kmod/bell/ring/traffic.hpp"
#include "guest-kmod/uapi/bellwire_virtio.h"

namespace bell {

/// Every combination of the lists is run; what the runs share is in `traffic`.
struct RingOptions {
  TrafficOptions traffic;
  std::vector<std::string> devices{"echo"};
  std::vector<std::string> workers{"callback"};
  std::vector<std::string> kicks{"eventfd"};
  std::vector<std::string> waits{"poll"};
  std::vector<std::string> polls{"off"};
  std::vector<std::uint32_t> depths{1};
  bool recover = true;
  std::pair<std::string, std::uint64_t> drop;  ///< if not 0: a hop, and the kick that it belongs to
  bool ktap = false;
  SlowOptions slow;         ///< if by someone: only one ring, of the first combination
  std::uint64_t steps = 0;  ///< if not 0: only print so many rings, of the first combination
};

struct EduOptions {
  std::uint64_t dma = 16 << 20;  ///< bytes, both ways together
  bool qemus = false;  ///< QEMU's own edu: its buffer is smaller, and failing DMA isn't reported
};

struct VirtioOptions {
  std::uint64_t count = 10'000;           ///< requests
  std::uint16_t id = BELLWIRE_VIRTIO_ID;  ///< the virtio ID: QEMU's front-end has its own
  bool split = false;                     ///< a split ring, though the device offers packed ones
};

struct CompareOptions {
  std::string json;  ///< file to write the results to; empty: none
  std::string only;  ///< only mechanisms and directions whose names contain this
  std::uint64_t count = 10'000;
  bool apart = false;  ///< receivers run on another CPU than senders
};

[[nodiscard]] Result<bool> run_info();
[[nodiscard]] Result<bool> run_ring(const RingOptions& options);
[[nodiscard]] Result<bool> run_break();
[[nodiscard]] Result<bool> run_edu(const EduOptions& options);
[[nodiscard]] Result<bool> run_virtio(const VirtioOptions& options);
/// False: a mechanism that should work did not.
[[nodiscard]] Result<bool> run_compare(const CompareOptions& options);

}  // namespace bell
