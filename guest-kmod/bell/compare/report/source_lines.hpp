// SPDX-License-Identifier: BSD-3-Clause
//
// Counts the lines of code that a mechanism needs. The sources are embedded in the program by the
// build (embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace bell::compare {

struct Source {
  std::string_view file;
  std::string_view text;
};

std::span<const Source> sources();

/// `place` is "FILE:NAME": counts from the unindented line that defines NAME to the next line that
/// begins with a closing brace, without empty lines and comments. 0: there is no such definition.
[[nodiscard]] unsigned lines_of(std::string_view place) noexcept;

/// The sum of several places, separated by spaces.
[[nodiscard]] unsigned lines_of_all(std::string_view places) noexcept;

/// The same within one text.
[[nodiscard]] unsigned lines_of(std::string_view name, std::string_view text) noexcept;

}  // namespace bell::compare
