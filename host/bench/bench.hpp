// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire bench`
#pragma once

#include <string>

#include "vdev/os/result.hpp"

namespace bellwire::bench {

struct Options {
  unsigned rounds = 20;
  std::string json;  ///< a file to write; empty: none
};

/// Prints a table of what KVM's wires cost here.
[[nodiscard]] Result<void> run_kvm(const Options& options);

}  // namespace bellwire::bench
