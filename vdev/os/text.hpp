// SPDX-License-Identifier: BSD-3-Clause
//
// text(): formats as fmt does. fmt's code is compiled into this layer, so that a static program
// needs no library for it and other files parse only fmt's small header.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace bellwire {

[[nodiscard]] std::string format_text(fmt::string_view format, fmt::format_args args);

template <class... Args>
[[nodiscard]] std::string text(fmt::format_string<Args...> format, Args&&... args) {
  return format_text(format, fmt::make_format_args(args...));
}

/// `words` in a form that is safe to print, whoever wrote them: control characters, bidirectional
/// marks and bytes that are not UTF-8 become \n, \t, \r or \xNN. The rest is unchanged.
[[nodiscard]] std::string escaped(std::string_view words);

}  // namespace bellwire
