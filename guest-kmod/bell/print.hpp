// SPDX-License-Identifier: BSD-3-Clause
//
// Formatted text to standard output.
#pragma once

#include <cstdio>

#include "vdev/os/text.hpp"

namespace bell {

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  std::fputs(bellwire::text(format, std::forward<Args>(args)...).c_str(), stdout);
}

}  // namespace bell
