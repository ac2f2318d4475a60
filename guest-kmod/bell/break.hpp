// SPDX-License-Identifier: BSD-3-Clause
//
// `bell break`
#pragma once

#include "vdev/os/result.hpp"

namespace bell {

[[nodiscard]] bellwire::Result<bool> run_break();

}  // namespace bell
