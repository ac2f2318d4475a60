// SPDX-License-Identifier: BSD-3-Clause
//
// TextTable: a table for people, in columns that are aligned whatever language its text is in. It
// needs neither a stream nor a locale, so that static programs can use it, too. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bellwire {

/// How many columns of a terminal UTF-8 text takes: one per character.
[[nodiscard]] inline std::size_t columns_of(std::string_view utf8) noexcept {
  const auto starts_character = [](char byte) { return (byte & 0xc0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(utf8, starts_character));
}

/// 1234567 as "1,234,567".
[[nodiscard]] inline std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

class TextTable {
 public:
  enum class Align { left, right };

  struct Column {
    std::string heading;
    Align align = Align::right;  ///< right for numbers
    std::size_t width = 0;       ///< at least; a heading or a cell that is wider widens the column
  };

  /// Between two columns there are `gap` spaces.
  explicit TextTable(std::vector<Column> columns, std::size_t gap = 2)
      : columns_(std::move(columns)), gap_(gap) {
    for (auto& column : columns_) column.width = std::max(column.width, columns_of(column.heading));
  }

  /// Adds a row to what text() returns. It may have fewer cells than there are columns.
  void add(std::vector<std::string> cells) {
    widen(cells);
    rows_.push_back(std::move(cells));
  }

  /// All rows that were added, each with a newline; with_heading(): the headings above them.
  [[nodiscard]] std::string text() const {
    std::string lines;
    for (const auto& row : rows_) lines += line(row);
    return lines;
  }
  [[nodiscard]] std::string with_heading() const { return heading() + text(); }

  /// For a table whose rows are printed as they come: one line at the widths of now.
  [[nodiscard]] std::string heading() const {
    std::vector<std::string> headings;
    for (const auto& column : columns_) headings.push_back(column.heading);
    return line(headings);
  }
  [[nodiscard]] std::string line(const std::vector<std::string>& cells) const {
    std::string line;
    for (std::size_t index = 0; index < std::min(cells.size(), columns_.size()); ++index) {
      const auto& [heading, align, width] = columns_[index];
      const std::string room(width - std::min(width, columns_of(cells[index])), ' ');
      if (index > 0) line.append(gap_, ' ');
      line += align == Align::right ? room + cells[index] : cells[index] + room;
    }
    line.resize(line.find_last_not_of(' ') + 1);  // npos + 1 is 0
    return line + '\n';
  }

 private:
  void widen(const std::vector<std::string>& cells) {
    for (std::size_t index = 0; index < std::min(cells.size(), columns_.size()); ++index)
      columns_[index].width = std::max(columns_[index].width, columns_of(cells[index]));
  }

  std::vector<Column> columns_;
  std::size_t gap_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace bellwire
