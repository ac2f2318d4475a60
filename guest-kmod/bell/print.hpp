// SPDX-License-Identifier: BSD-3-Clause
//
// Formatted text to standard output, and complaints to standard error. Whether all output could be
// written is known at the end: main.cpp asks.
#pragma once

#include <cstdio>

#include "vdev/os/text.hpp"

namespace bell {

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  std::fputs(bellwire::text(format, std::forward<Args>(args)...).c_str(), stdout);
}

/// A line, with our name before it.
template <class... Args>
void complain(fmt::format_string<Args...> format, Args&&... args) {
  const auto line = "bell: " + bellwire::text(format, std::forward<Args>(args)...) + "\n";
  std::fputs(line.c_str(), stderr);
}

}  // namespace bell
