// SPDX-License-Identifier: BSD-3-Clause
//
// The library's log: spdlog's default logger, whose level and place the program sets. Never on a
// hot path. Any thread.
#pragma once

#include "vdev/os/text.hpp"

namespace bellwire::log {

void write_info(const std::string& text);
void write_warning(const std::string& text);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write_info(text(format, std::forward<Args>(args)...));
}

template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write_warning(text(format, std::forward<Args>(args)...));
}

}  // namespace bellwire::log
