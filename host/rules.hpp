// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire rules`
#pragma once

#include "vdev/os/result.hpp"

namespace bellwire::host {

struct RulesOptions {
  bool json = false;
  bool nested = false;  ///< on the KVM of an emulated host
};

/// An error if model and kernel disagree somewhere.
[[nodiscard]] Result<void> run_rules(const RulesOptions& options);

}  // namespace bellwire::host
