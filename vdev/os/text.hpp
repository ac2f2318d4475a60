// SPDX-License-Identifier: BSD-3-Clause
//
// text(): fmt's formatting behind one door. Its code is compiled into this layer, so that a
// static program needs no library for it, and other files parse only fmt's small header.
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

/// `words` as a person may see them, whoever wrote them: control characters, marks that turn the
/// direction of writing, and bytes that are no UTF-8 become \n, \t, \r or \xNN. The rest stays.
[[nodiscard]] std::string escaped(std::string_view words);

}  // namespace bellwire
