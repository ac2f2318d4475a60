// SPDX-License-Identifier: BSD-3-Clause
//
// The lines of code that a mechanism takes, counted in the sources, which the build puts into the
// program (embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace bell::compare {

struct Source {
  std::string_view file;
  std::string_view text;
};

std::span<const Source> sources();

/// `place` is "FILE:NAME": counts from the line that defines NAME, without indentation, to the next
/// that closes it. Empty lines and comments don't count. 0: there is no such definition.
[[nodiscard]] unsigned lines_of(std::string_view place) noexcept;

/// The sum of several places, parted by spaces.
[[nodiscard]] unsigned lines_of_all(std::string_view places) noexcept;

/// The same within one text.
[[nodiscard]] unsigned lines_of(std::string_view name, std::string_view text) noexcept;

}  // namespace bell::compare
