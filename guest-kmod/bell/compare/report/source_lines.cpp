// SPDX-License-Identifier: BSD-3-Clause
//
// Counts the lines of a definition in the embedded sources.
#include "guest-kmod/bell/compare/report/result.hpp"

#include <cctype>

namespace bell::compare {
namespace {

std::string_view take_line(std::string_view& text) noexcept {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

bool is_code(std::string_view line) noexcept {
  const auto start = line.find_first_not_of(" \t");
  if (start == line.npos) return false;
  line.remove_prefix(start);
  return !line.starts_with("//") && !line.starts_with("/*") && !line.starts_with("*");
}

bool in_a_word(std::string_view line, std::size_t place) noexcept {
  if (place >= line.size()) return false;
  return std::isalnum(static_cast<unsigned char>(line[place])) != 0 || line[place] == '_';
}

bool has_word(std::string_view line, std::string_view word) noexcept {
  for (auto place = line.find(word); place != line.npos; place = line.find(word, place + 1))
    if (place > 0 && !in_a_word(line, place - 1) && !in_a_word(line, place + word.size()))
      return true;
  return false;
}

// A definition begins at the margin, and doesn't end in the same line.
bool defines(std::string_view line, std::string_view name) noexcept {
  return in_a_word(line, 0) && !line.ends_with(';') && has_word(line, name);
}

}  // namespace

unsigned lines_of(std::string_view name, std::string_view text) noexcept {
  unsigned lines = 0;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (lines == 0 && !defines(line, name)) continue;
    lines += is_code(line) ? 1 : 0;
    if (line.starts_with('}')) return lines;
  }
  return 0;
}

unsigned lines_of(std::string_view place) noexcept {
  const auto colon = place.find(':');
  const auto file = place.substr(0, colon);
  for (const auto& source : sources())
    if (source.file.ends_with(file)) return lines_of(place.substr(colon + 1), source.text);
  return 0;
}

unsigned lines_of_all(std::string_view wanted) noexcept {
  unsigned lines = 0;
  while (!wanted.empty()) {
    const auto end = wanted.find(' ');
    lines += lines_of(wanted.substr(0, end));
    wanted.remove_prefix(end == wanted.npos ? wanted.size() : end + 1);
  }
  return lines;
}

}  // namespace bell::compare
