// SPDX-License-Identifier: BSD-3-Clause
//
// How help is printed: in 80 columns, without the parser's own notes.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace bellwire::host {

constexpr std::size_t help_width = 80;

/// Breaks lines that are longer. What follows a column of names stays in its own column. Lines
/// without an indentation form paragraphs, which are filled anew.
[[nodiscard]] std::string fit(std::string_view help, std::size_t width = help_width);

class HelpFormatter : public CLI::Formatter {
 public:
  [[nodiscard]] std::string make_help(const CLI::App* app, std::string name,
                                      CLI::AppFormatMode mode) const override;
  [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override;
  /// With what the option takes, and its default.
  [[nodiscard]] std::string make_option_desc(const CLI::Option* option) const override;
};

/// Checks that a number is from `low` to `high`, which the help shows.
template <class Number>
[[nodiscard]] CLI::Validator between(Number low, Number high);

/// Likewise: above 0.
[[nodiscard]] CLI::Validator above_zero();

}  // namespace bellwire::host
