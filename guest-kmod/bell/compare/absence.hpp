// SPDX-License-Identifier: BSD-3-Clause
//
// The mechanisms between processes that a kernel module has no way into, and where in the kernel's
// source that is to be seen.
#pragma once

#include <span>
#include <string_view>

namespace bell::compare {

struct Absence {
  std::string_view name;
  std::string_view file;      ///< of the kernel's source
  std::string_view function;  ///< that a module would need
  std::string_view reason;
};

std::span<const Absence> absences();

}  // namespace bell::compare
