// SPDX-License-Identifier: BSD-3-Clause
//
// `bell compare`: every way to notify, measured side by side.
#pragma once

#include <cstdint>
#include <string>

#include "vdev/os/result.hpp"

namespace bell {

struct CompareOptions {
  std::string json;  ///< file to write the figures to; empty: none
  std::string only;  ///< part of the names of the mechanisms or directions that are wanted
  std::uint64_t count = 10'000;
  bool apart = false;  ///< receivers on another CPU than senders
};

/// False: a mechanism that should work did not.
[[nodiscard]] bellwire::Result<bool> run_compare(const CompareOptions& options);

}  // namespace bell
