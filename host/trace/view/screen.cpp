// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/screen.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdlib>

#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

constexpr std::array<std::string_view, sides.size()> colours = {"\x1b[34m", "\x1b[36m", "\x1b[33m"};
constexpr std::string_view no_colour = "\x1b[0m";

std::size_t columns_of(std::string_view words) {
  return static_cast<std::size_t>(
      std::ranges::count_if(words, [](char byte) { return (byte & 0xc0) != 0x80; }));
}

// In eighths of a cell, where there are such characters.
std::string fill(const Screen& screen, double cells) {
  constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!screen.unicode) return std::string(static_cast<std::size_t>(std::lround(cells)), '#');
  const auto filled = static_cast<std::size_t>(std::lround(cells * 8));
  std::string drawn;
  for (std::size_t cell = 0; cell < filled / 8; ++cell) drawn += "█";
  return drawn.append(eighths[filled % 8]);
}

}  // namespace

Screen standard_output() {
  std::setlocale(LC_CTYPE, "");
  Screen screen{.unicode = std::string_view(::nl_langinfo(CODESET)) == "UTF-8"};
  if (::isatty(STDOUT_FILENO) == 0) return screen;
  screen.colour = std::getenv("NO_COLOR") == nullptr;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) screen.width = size.ws_col;
  return screen;
}

std::string bar(const Screen& screen, double part, unsigned cells, Side side) {
  auto drawn = fill(screen, std::clamp(part, 0.0, 1.0) * cells);
  if (!screen.colour || drawn.empty()) return drawn;
  return text("{}{}{}", colours[static_cast<std::size_t>(side)], drawn, no_colour);
}

std::string micro(double ns) {
  const auto us = ns / 1000;
  if (std::abs(us) < 100) return text("{:.2f}", us);
  return text("{:.{}f}", us, std::abs(us) < 100'000 ? 1 : 0);
}

std::string name_of(const Screen& screen, const Hop& hop) {
  return text("{} {} {}", stages[hop.from].name, screen.arrow(), stages[hop.to].name);
}

std::string pad(std::string_view words, std::size_t columns) {
  const auto used = columns_of(words);
  return std::string(words) + std::string(used < columns ? columns - used : 0, ' ');
}

std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

}  // namespace bellwire::view
