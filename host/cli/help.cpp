// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/help.hpp"

#include <algorithm>
#include <vector>

#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

constexpr std::size_t least_text = 20;  // columns for what stands behind names

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(end + 1)) {
    end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
  }
  return parts;
}

// What is seen of UTF-8, a column for each character.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

// Where the text behind a column of names begins, or else the line's indentation.
std::size_t text_column(std::string_view line, std::size_t width) {
  const auto indent = std::min(line.find_first_not_of(' '), line.size());
  const auto gap = line.find("  ", indent);
  if (indent == 0 || gap == std::string_view::npos) return indent;
  const auto column = std::min(line.find_first_not_of(' ', gap), line.size());
  return column + least_text <= width ? column : indent;
}

void add_line(std::string& to, std::string_view line) {
  const auto last = line.find_last_not_of(' ');
  if (last != std::string_view::npos) to += line.substr(0, last + 1);
  to += '\n';
}

void add_broken(std::string& to, std::string_view line, std::size_t width) {
  const auto hanging = text_column(line, width);
  std::string now(line.substr(0, hanging));
  bool blank = true;  // nothing of the text stands in this line yet
  for (const auto word : split(line.substr(hanging), ' ')) {
    if (!blank && columns(now) + 1 + columns(word) > width) {
      add_line(to, now);
      now.assign(hanging, ' ');
      blank = true;
    }
    if (blank && word.empty()) continue;  // of a gap, at the end of which the line was broken
    if (!blank) now += ' ';
    now += word;
    blank = false;
  }
  add_line(to, now);
}

bool in_paragraph(std::string_view line) {
  return !line.empty() && line.front() != ' ';
}

// CLI11 adds what is checked to the name of the type: "MICROSECONDS:<mark>0 to 1000", "TEXT:{a,b}".
constexpr std::string_view mark = "\x1f";  // ours
constexpr std::string_view range_begin = ":\x1f", members_begin = ":{", size_begin = ":SIZE";

std::string_view type_name(std::string_view with_checks) {
  for (const auto begin : {range_begin, members_begin, size_begin})
    with_checks = with_checks.substr(0, with_checks.find(begin));
  return with_checks;
}

// What the option takes: "1 to 64", or "a, b"; empty if that is not said.
std::string allowed(std::string_view with_checks) {
  if (const auto at = with_checks.find(range_begin); at != std::string_view::npos)
    return std::string(with_checks.substr(at + range_begin.size()));
  const auto at = with_checks.find(members_begin);
  if (at == std::string_view::npos) return {};
  std::string members;
  const auto listed = with_checks.substr(at + members_begin.size());
  for (const auto member : split(listed.substr(0, listed.find('}')), ','))
    members += (members.empty() ? "" : ", ") + std::string(member);
  return members;
}

}  // namespace

std::string fit(std::string_view help, std::size_t width) {
  std::string fitted, paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) add_broken(fitted, paragraph, width);
    paragraph.clear();
  };
  for (const auto line : split(help, '\n')) {
    if (in_paragraph(line) && !line.starts_with("Usage:")) {
      paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
    } else {
      end_paragraph();
      add_broken(fitted, line, width);
    }
  }
  end_paragraph();
  return fitted;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  auto help = fit(CLI::Formatter::make_help(app, std::move(name), mode));
  while (help.ends_with("\n\n")) help.pop_back();
  return help;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return {};
  std::string opts(type_name(option->get_type_name()));
  if (!opts.empty()) opts.insert(0, " ");
  if (option->get_expected_max() > 1) opts += " ...";
  return opts;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  auto notes = allowed(option->get_type_name());
  if (option->get_required() && !option->get_positional())
    notes += notes.empty() ? "required" : "; required";
  if (const auto standard = option->get_default_str(); !standard.empty())
    notes += (notes.empty() ? "default: " : "; default: ") + standard;
  return option->get_description() + (notes.empty() ? "" : " (" + notes + ")");
}

template <class Number>
CLI::Validator between(Number low, Number high) {
  const auto check = [low, high, range = CLI::Range(low, high)](const std::string& given) {
    return range(given).empty() ? std::string()
                                : text("'{}': choose a number from {} to {}", given, low, high);
  };
  return {check, text("{}{} to {}", mark, low, high)};
}

template CLI::Validator between(int, int);
template CLI::Validator between(double, double);

CLI::Validator above_zero() {
  const auto check = [](const std::string& given) {
    return CLI::PositiveNumber(given).empty() ? std::string()
                                              : text("'{}': choose a number above 0", given);
  };
  return {check, text("{}above 0", mark)};
}

}  // namespace bellwire::host
