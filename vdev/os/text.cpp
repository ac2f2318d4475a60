// SPDX-License-Identifier: BSD-3-Clause
#define FMT_HEADER_ONLY
#include "vdev/os/text.hpp"

#include <algorithm>
#include <utility>

namespace bellwire {
namespace {

struct Character {
  std::uint32_t code;
  std::size_t size;  // bytes; 0: not UTF-8
};

// Unicode 15, table 3-7: no longer form than needed, no surrogates, nothing beyond U+10FFFF.
Character decode(std::string_view words) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(words[at]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size == 0 || first > 0xf4 || size > words.size()) return {0, 0};
  std::uint32_t code = first & (0x7fU >> size);
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return {0, 0};
    code = code << 6 | (byte(at) & 0x3f);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {0, 0};
  return {code, size};
}

bool harmless(std::uint32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool line_end = code == 0x2028 || code == 0x2029;
  const bool turns = code == 0x061c || code == 0x200e || code == 0x200f ||
                     (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !line_end && !turns;
}

void append_escaped(std::string& shown, char character) {
  if (character == '\n')
    shown += "\\n";
  else if (character == '\r')
    shown += "\\r";
  else if (character == '\t')
    shown += "\\t";
  else
    shown += text("\\x{:02x}", static_cast<unsigned char>(character));
}

}  // namespace

std::string escaped(std::string_view words) {
  std::string shown;
  shown.reserve(words.size());
  while (!words.empty()) {
    const auto [code, size] = decode(words);
    const auto taken = words.substr(0, std::max<std::size_t>(size, 1));
    if (size > 0 && harmless(code))
      shown += taken;
    else
      for (const char character : taken) append_escaped(shown, character);
    words.remove_prefix(taken.size());
  }
  return shown;
}

std::string format_text(fmt::string_view format, fmt::format_args args) {
  return fmt::vformat(format, args);
}

std::size_t columns_of(std::string_view utf8) noexcept {
  const auto starts_character = [](char byte) { return (byte & 0xc0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(utf8, starts_character));
}

std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

namespace {

std::vector<std::string> split(const std::string& words, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= words.size();) {
    const auto end = std::min(words.find(at, begin), words.size());
    parts.push_back(words.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Words in lines of `room` columns, the second and later ones behind a margin. A word that is
// longer than a line stays whole.
std::string wrapped(const std::string& words, std::size_t room, const std::string& margin) {
  std::string lines;
  std::size_t used = 0;
  for (const auto& word : split(words, ' ')) {
    const auto columns = columns_of(word);
    const bool first = lines.empty();
    const bool fits = used + 1 + columns <= room;
    if (!first) lines += fits ? " " : '\n' + margin;
    lines += word;
    used = first || !fits ? columns : used + 1 + columns;
  }
  return lines;
}

// Takes off the spaces at its end.
void cut(std::string& line) {
  line.resize(line.find_last_not_of(' ') + 1);  // npos + 1 is 0
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns, std::size_t gap)
    : columns_(std::move(columns)), gap_(gap) {
  for (auto& column : columns_)
    for (const auto& words : split(column.heading, '\n'))
      column.width = std::max(column.width, columns_of(words));
}

void TextTable::add(std::vector<std::string> cells) {
  widen(cells);
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::string lines;
  for (const auto& row : rows_) lines += line(row);
  return lines;
}

std::string TextTable::heading() const {
  std::vector<std::string> above, below;
  bool two = false;
  for (const auto& column : columns_) {
    const auto words = split(column.heading, '\n');
    two = two || words.size() > 1;
    above.push_back(words.size() > 1 ? words.front() : "");
    below.push_back(words.back());
  }
  return (two ? line(above) : "") + line(below);
}

std::string TextTable::padded(std::size_t column, const std::string& cell) const {
  const auto& [heading, align, width] = columns_[column];
  const std::string room(width - std::min(width, columns_of(cell)), ' ');
  return align == Align::right ? room + cell : cell + room;
}

void TextTable::add_words(std::string& line, const std::string& words) {
  constexpr std::size_t least = 30, margin = 4;
  const auto used = columns_of(line);
  if (used + columns_of(words) <= page || words.find(' ') == std::string::npos) {
    line += words;
  } else if (used + least <= page) {
    line += wrapped(words, page - used, std::string(used, ' '));
  } else {
    const std::string below(margin, ' ');
    cut(line);
    line += '\n' + below + wrapped(words, page - margin, below);
  }
}

std::string TextTable::line(const std::vector<std::string>& cells) const {
  std::string line;
  const auto count = std::min(cells.size(), columns_.size());
  for (std::size_t index = 0; index < count; ++index) {
    if (index > 0) line.append(gap_, ' ');
    const bool words = index + 1 == count && columns_[index].align == Align::left;
    if (words)
      add_words(line, cells[index]);
    else
      line += padded(index, cells[index]);
  }
  cut(line);
  return line + '\n';
}

void TextTable::widen(const std::vector<std::string>& cells) {
  for (std::size_t index = 0; index < std::min(cells.size(), columns_.size()); ++index)
    columns_[index].width = std::max(columns_[index].width, columns_of(cells[index]));
}

}  // namespace bellwire
