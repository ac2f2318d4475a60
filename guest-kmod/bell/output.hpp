// SPDX-License-Identifier: BSD-3-Clause
//
// Formatted text to standard output, and error messages to standard error. main.cpp checks at the
// end that all output was written. For one thread.
#pragma once

#include <cstdio>

#include "vdev/os/result.hpp"
#include "vdev/os/text.hpp"

namespace bell {

/// Opens something that can be neither read nor written in place of each standard descriptor that
/// is closed: else the next file to be opened would take its place, and print() would write to it.
[[nodiscard]] bellwire::Result<void> occupy_standard_descriptors();

/// Writes what is still buffered. Returns an error if any output was lost.
[[nodiscard]] bellwire::Result<void> finish_output();

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  std::fputs(bellwire::text(format, std::forward<Args>(args)...).c_str(), stdout);
}

/// A line with the program's name before it.
template <class... Args>
void complain(fmt::format_string<Args...> format, Args&&... args) {
  const auto line = "bell: " + bellwire::text(format, std::forward<Args>(args)...) + "\n";
  std::fputs(line.c_str(), stderr);
}

}  // namespace bell
