// SPDX-License-Identifier: BSD-3-Clause
//
// `bell ring`
#pragma once

#include <string>
#include <vector>

#include "guest-kmod/bell/traffic.hpp"

namespace bell {

/// Every combination of the lists is run; what they share is in `traffic`.
struct RingOptions {
  TrafficOptions traffic;
  std::vector<std::string> devices{"echo"};
  std::vector<std::string> workers{"callback"};
  std::vector<std::string> kicks{"eventfd"};
  std::vector<std::string> waits{"poll"};
  std::vector<std::string> polls{"off"};
  std::vector<std::uint32_t> depths{1};
  std::pair<std::string, std::uint64_t> drop;  ///< if not 0: a hop, and of which kick
  bool ktap = false;
  std::uint64_t steps = 0;  ///< if not 0: tell so many rings, in the first combination, and no more
};

[[nodiscard]] Result<bool> run_ring(const RingOptions& options);

}  // namespace bell
