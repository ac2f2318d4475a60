// SPDX-License-Identifier: BSD-3-Clause
//
// text(): fmt's formatting behind one door. Its code is compiled into this layer, so that a
// static program needs no library for it, and other files parse only fmt's small header.
#pragma once

#include <fmt/core.h>

#include <string>

namespace bellwire {

[[nodiscard]] std::string format_text(fmt::string_view format, fmt::format_args args);

template <class... Args>
[[nodiscard]] std::string text(fmt::format_string<Args...> format, Args&&... args) {
  return format_text(format, fmt::make_format_args(args...));
}

}  // namespace bellwire
