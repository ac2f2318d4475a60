// SPDX-License-Identifier: BSD-3-Clause
//
// Standard output that can't be written is an error, and is no other file by accident.
#pragma once

#include "vdev/os/result.hpp"

namespace bell {

/// Where a standard descriptor is closed, something takes its place that can be neither read nor
/// written: else the next file to be opened would, and would be written by print().
[[nodiscard]] bellwire::Result<void> occupy_standard_descriptors();

/// Writes what is still buffered. An error if any output so far was lost.
[[nodiscard]] bellwire::Result<void> finish_output();

}  // namespace bell
