// SPDX-License-Identifier: BSD-3-Clause
//
// `bell info`
#pragma once

#include "vdev/os/result.hpp"

namespace bell {

[[nodiscard]] bellwire::Result<bool> run_info();

}  // namespace bell
