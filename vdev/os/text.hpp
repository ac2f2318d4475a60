// SPDX-License-Identifier: BSD-3-Clause
//
// Text for people: text() formats as fmt does, escaped() makes foreign words safe to print,
// TextTable aligns columns. fmt's code is compiled into this layer, so that a static program needs
// no library for it and other files parse only fmt's small header. Any thread.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bellwire {

[[nodiscard]] std::string format_text(fmt::string_view format, fmt::format_args args);

template <class... Args>
[[nodiscard]] std::string text(fmt::format_string<Args...> format, Args&&... args) {
  return format_text(format, fmt::make_format_args(args...));
}

/// `words` in a form that is safe to print, whoever wrote them: control characters, bidirectional
/// marks and bytes that are not UTF-8 become \n, \t, \r or \xNN. The rest is unchanged.
[[nodiscard]] std::string escaped(std::string_view words);

/// How many columns of a terminal UTF-8 text takes: one per character.
[[nodiscard]] std::size_t columns_of(std::string_view utf8) noexcept;

/// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t number);

/// A table for people, in columns that are aligned whatever language its text is in. It needs
/// neither a stream nor a locale. Words that stand last in a row
/// go on below where they would leave the page. One thread.
class TextTable {
 public:
  enum class Align { left, right };

  static constexpr std::size_t page = 100;  ///< columns that every table of ours fits in

  struct Column {
    std::string heading;         ///< a newline makes it two lines
    Align align = Align::right;  ///< right for numbers
    std::size_t width = 0;       ///< at least; a heading or a cell that is wider widens the column
  };

  /// Between two columns there are `gap` spaces.
  explicit TextTable(std::vector<Column> columns, std::size_t gap = 2);

  /// Adds a row to what text() returns. It may have fewer cells than there are columns.
  void add(std::vector<std::string> cells);

  /// All rows that were added, each with a newline; with_heading(): the headings above them.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string with_heading() const { return heading() + text(); }

  /// For a table whose rows are printed one at a time: one line, at the present widths.
  [[nodiscard]] std::string heading() const;
  [[nodiscard]] std::string line(const std::vector<std::string>& cells) const;

 private:
  void widen(const std::vector<std::string>& cells);
  [[nodiscard]] std::string padded(std::size_t column, const std::string& cell) const;
  // Ends a line: the words go on below themselves, or, where there is too little room, in lines of
  // their own. What has no gap, such as a bar, stays.
  static void add_words(std::string& line, const std::string& words);

  std::vector<Column> columns_;
  std::size_t gap_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace bellwire
