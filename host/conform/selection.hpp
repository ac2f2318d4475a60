// SPDX-License-Identifier: BSD-3-Clause
//
// Which statements are tried: numbers and ranges of them, as --only names them.
#pragma once

#include <string>
#include <vector>

#include "host/conform/statement.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host::conform {

/// The statements that "5" and "5-9" name, in this order. EINVAL: a word is neither, a range has
/// no number in it, or there is no such statement.
[[nodiscard]] Result<std::vector<const Statement*>> selected(const std::vector<std::string>& words);

}  // namespace bellwire::host::conform
