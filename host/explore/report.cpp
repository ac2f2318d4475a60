// SPDX-License-Identifier: BSD-3-Clause
#include "host/explore/report.hpp"

#include <boost/json.hpp>

#include "host/output/json_text.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

constexpr auto left = TextTable::Align::left;

std::string extent(const explore::Outcome& outcome) {
  if (outcome.failure) return "broken";
  if (outcome.runs == 1) return "holds in this one";
  return outcome.exhausted ? "holds in all" : "holds so far";
}

// A column for each actor.
std::string story(const explore::Failure& failure, const std::vector<std::string>& actors) {
  std::vector<TextTable::Column> columns = {{"step"}};
  for (const auto& actor : actors) columns.push_back({actor, left});
  TextTable table(columns);
  for (const auto& line : failure.story) {
    std::vector<std::string> cells(line.actor + 2U);
    cells.front() = std::to_string(line.step);
    cells.back() = line.what;
    table.add(std::move(cells));
  }
  return table.with_heading();
}

std::string failure_text(const Explored& explored) {
  const auto actors = explore::actors(*explored.scene);
  const auto& failure = *explored.outcome.failure;
  return text("\n{}\n{}: {}\nAgain: bellwire explore {} --schedule '{}'\n", story(failure, actors),
              explored.entry->name, failure.why, explored.entry->name,
              explore::text(failure.schedule, actors));
}

boost::json::value failure_json(const Explored& explored) {
  if (!explored.outcome.failure) return nullptr;
  const auto actors = explore::actors(*explored.scene);
  const auto& failure = *explored.outcome.failure;
  boost::json::array story;
  for (const auto& line : failure.story)
    story.push_back({{"step", line.step}, {"actor", actors.at(line.actor)}, {"what", line.what}});
  return {{"why", failure.why},
          {"schedule", explore::text(failure.schedule, actors)},
          {"story", std::move(story)}};
}

}  // namespace

std::string scene_list() {
  TextTable table({{"scene", left}, {"what it promises in each order", left}});
  for (const auto& scene : explore::scenes()) table.add({scene.name, scene.promise});
  return table.with_heading();
}

std::string as_text(const std::vector<Explored>& all) {
  TextTable table(
      {{"scene", left}, {"orders"}, {"steps of the longest"}, {"seconds"}, {"its promise", left}});
  std::string failures;
  for (const auto& each : all) {
    table.add({each.entry->name, grouped(each.outcome.runs), std::to_string(each.outcome.steps),
               text("{:.2f}", each.time.count()), extent(each.outcome)});
    if (each.outcome.failure) failures += failure_text(each);
  }
  return table.with_heading() + failures;
}

std::string as_json(const std::vector<Explored>& all) {
  boost::json::array scenes;
  for (const auto& each : all)
    scenes.push_back({{"scene", each.entry->name},
                      {"promise", each.entry->promise},
                      {"runs", each.outcome.runs},
                      {"steps", each.outcome.steps},
                      {"exhausted", each.outcome.exhausted},
                      {"seconds", each.time.count()},
                      {"failure", failure_json(each)}});
  return json_text(scenes) + "\n";
}

}  // namespace bellwire::host
