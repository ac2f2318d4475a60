// SPDX-License-Identifier: BSD-3-Clause
//
// `bell edu`
#pragma once

#include <cstdint>

#include "vdev/os/result.hpp"

namespace bell {

struct EduOptions {
  std::uint64_t dma = 16 << 20;  ///< bytes, both ways together
  bool qemus = false;            ///< QEMU's own: a smaller buffer, and no word of what fails
};

[[nodiscard]] bellwire::Result<bool> run_edu(const EduOptions& options);

}  // namespace bell
