// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/report/run_table.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace bell {
namespace {

using bellwire::text;
using bellwire::TextTable;
using Column = TextTable::Column;
using enum TextTable::Align;

constexpr std::size_t gap = 1;

// In the order in which runs change them, the slowest first.
const std::array<Column, 6>& choices() {
  static const std::array<Column, 6> columns{{{"device", left, 6},
                                              {"depth"},
                                              {"worker", left, 8},
                                              {"kick", left, 7},
                                              {"wait", left, 5},
                                              {"polling", left, 8}}};
  return columns;
}

const std::array<Column, 10>& figures() {
  static const std::array<Column, 10> columns{{{"rings", right, 7},
                                               {"lost"},
                                               {"hung"},
                                               {"duplicated"},
                                               {"corrupted"},
                                               {"doorbells"},
                                               {"interrupts"},
                                               {"p50 µs"},
                                               {"p99 µs"},
                                               {"per s", right, 7}}};
  return columns;
}

std::array<std::string, 6> chosen_for(const TrafficOptions& options) {
  const auto& claim = options.claim;
  return {claim.device,
          std::to_string(options.depth),
          std::string(name_of(claim.worker)),
          std::string(name_of(claim.kick)),
          std::string(name_of(claim.wait)),
          std::string(name_of(claim.poll))};
}

std::array<std::string, 10> figures_of(const TrafficResult& result) {
  std::array<std::string, 10> cells;
  std::size_t index = 0;
  for (const auto count : {result.rings, result.lost, result.hung, result.duplicated,
                           result.corrupted, result.doorbells, result.interrupts})
    cells[index++] = std::to_string(count);
  for (const auto us : {result.p50_us, result.p99_us}) cells[index++] = text("{:.1f}", us);
  cells[index] = text("{:.0f}", result.per_second);
  return cells;
}

bool differ(std::span<const TrafficOptions> runs, std::size_t choice) {
  return std::ranges::any_of(runs, [&](const TrafficOptions& run) {
    return chosen_for(run)[choice] != chosen_for(runs.front())[choice];
  });
}

std::size_t width_of(std::span<const Column> columns) {
  std::size_t width = 0;
  for (const auto& column : columns)
    width += std::max(column.width, bellwire::columns_of(column.heading)) + gap;
  return width;
}

// Of the choices that differ between runs, as many as fit beside the figures: the quickest ones.
std::vector<std::size_t> choices_in_rows(std::span<const TrafficOptions> runs) {
  std::vector<std::size_t> in_rows;
  auto room = TextTable::page + gap - width_of(figures());
  for (auto choice = choices().size(); choice-- > 0;) {
    if (!differ(runs, choice)) continue;
    const auto width = width_of(std::span(&choices()[choice], 1));
    if (width > room) break;
    room -= width;
    in_rows.insert(in_rows.begin(), choice);
  }
  return in_rows;
}

TextTable make_table(const std::vector<std::size_t>& in_rows) {
  std::vector<Column> columns;
  for (const auto choice : in_rows) columns.push_back(choices()[choice]);
  columns.insert(columns.end(), figures().begin(), figures().end());
  return TextTable(std::move(columns), gap);
}

}  // namespace

RunTable::RunTable(std::span<const TrafficOptions> runs)
    : in_rows_(choices_in_rows(runs)), table_(make_table(in_rows_)) {}

std::string RunTable::lines(const TrafficOptions& options, const TrafficResult& result) {
  const auto chosen = chosen_for(options);
  std::string above, lines;
  std::vector<std::string> cells;
  for (std::size_t choice = 0; choice < chosen.size(); ++choice)
    if (std::ranges::find(in_rows_, choice) != in_rows_.end())
      cells.push_back(chosen[choice]);
    else
      above +=
          text("{}{} {}", above.empty() ? "" : ", ", choices()[choice].heading, chosen[choice]);
  if (above != above_)
    lines = text("{}{}\n{}", above_.empty() ? "" : "\n", above, table_.heading());
  above_ = std::move(above);
  std::ranges::move(figures_of(result), std::back_inserter(cells));
  return lines + table_.line(cells);
}

}  // namespace bell
