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
std::string story_text(const Explored& explored) {
  const auto actors = explore::actors(*explored.scene);
  std::vector<TextTable::Column> columns = {{"step"}};
  for (const auto& actor : actors) columns.push_back({actor, left});
  TextTable table(columns);
  for (const auto& line : explored.outcome.story) {
    std::vector<std::string> cells(line.actor + 2U);
    cells.front() = std::to_string(line.step);
    cells.back() = line.what;
    table.add(std::move(cells));
  }
  return "\n" + table.with_heading();
}

std::string failure_text(const Explored& explored) {
  const auto& failure = *explored.outcome.failure;
  return text("\n{}: {}\nAgain: bellwire explore {} --schedule '{}'\n", explored.entry->name,
              failure.why, explored.entry->name,
              explore::text(failure.schedule, explore::actors(*explored.scene)));
}

boost::json::value failure_json(const Explored& explored) {
  if (!explored.outcome.failure) return nullptr;
  const auto actors = explore::actors(*explored.scene);
  const auto& failure = *explored.outcome.failure;
  return {{"why", failure.why}, {"schedule", explore::text(failure.schedule, actors)}};
}

boost::json::array story_json(const Explored& explored) {
  const auto actors = explore::actors(*explored.scene);
  boost::json::array story;
  for (const auto& line : explored.outcome.story)
    story.push_back({{"step", line.step}, {"actor", actors.at(line.actor)}, {"what", line.what}});
  return story;
}

// A scene is a process of the trace, each of its actors a thread.
boost::json::array trace_events(const Explored& explored, std::size_t process) {
  const auto actors = explore::actors(*explored.scene);
  const auto& failure = explored.outcome.failure;
  const auto meta = [process](const char* what, std::size_t thread, const std::string& name) {
    return boost::json::object{
        {"ph", "M"}, {"name", what}, {"pid", process}, {"tid", thread}, {"args", {{"name", name}}}};
  };
  boost::json::array events = {
      meta("process_name", 0,
           text("{}: {}", explored.entry->name, failure ? failure->why : "the promise holds"))};
  for (std::size_t actor = 0; actor < actors.size(); ++actor)
    events.push_back(meta("thread_name", actor + 1, actors[actor]));
  for (const auto& line : explored.outcome.story)
    events.push_back({{"ph", "X"},
                      {"name", line.what},
                      {"pid", process},
                      {"tid", line.actor + 1},
                      {"ts", line.step},
                      {"dur", 1}});
  return events;
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
  std::string stories;
  for (const auto& each : all) {
    table.add({each.entry->name, grouped(each.outcome.runs), std::to_string(each.outcome.steps),
               text("{:.2f}", each.time.count()), extent(each.outcome)});
    if (!each.outcome.story.empty()) stories += story_text(each);
    if (each.outcome.failure) stories += failure_text(each);
  }
  return table.with_heading() + stories;
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
                      {"failure", failure_json(each)},
                      {"story", story_json(each)}});
  return json_text(scenes) + "\n";
}

std::string as_trace_events(const std::vector<Explored>& all) {
  boost::json::array events;
  for (std::size_t at = 0; at < all.size(); ++at)
    for (auto& event : trace_events(all[at], at + 1)) events.push_back(std::move(event));
  return json_text(boost::json::object{{"traceEvents", std::move(events)}}) + "\n";
}

}  // namespace bellwire::host
