// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/perfetto.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

namespace bellwire::view {
namespace {

namespace json = boost::json;

constexpr double mark_ns = 1;  // the last stage's slice: an arrow needs one to end in

double us(double ns) {
  return ns / 1000;
}

int process_of(Side side) {
  return static_cast<int>(side) + 1;
}

class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}

  void write(const json::object& event) {
    out_ << (first_ ? "\n" : ",\n") << event;
    first_ = false;
  }

 private:
  std::ostream& out_;
  bool first_ = true;
};

// A request has the lowest track that no other is on meanwhile.
class Tracks {
 public:
  std::size_t take(double from, double to) {
    auto track = std::ranges::find_if(ends_, [from](double end) { return end < from; });
    if (track == ends_.end()) track = ends_.insert(track, to);
    *track = to;
    return static_cast<std::size_t>(track - ends_.begin()) + 1;
  }
  [[nodiscard]] std::size_t count() const { return ends_.size(); }

 private:
  std::vector<double> ends_;
};

struct Visit {
  std::size_t stage;
  double at;       // as drawn: not before the one before, not after the last
  double real_ns;  // to the next
  double drawn_ns;
};

std::vector<Visit> visits_of(const Request& request, const Hop& whole) {
  std::vector<Visit> visits;
  auto at = *request.at[whole.from];
  const auto last = std::max(at, *request.at[whole.to]);
  each_hop(request, [&](const Hop& hop, double ns) {
    const auto end = std::clamp(*request.at[hop.to], at, last);
    visits.push_back({hop.from, at, ns, end - at});
    at = end;
  });
  visits.push_back({whole.to, at, 0, mark_ns});
  return visits;
}

json::object event_at(const char* phase, const Visit& visit, std::size_t track) {
  return {{"ph", phase},
          {"pid", process_of(stages[visit.stage].side)},
          {"tid", track},
          {"ts", us(visit.at)}};
}

std::string slice_name(const std::vector<Visit>& visits, std::size_t index) {
  const std::string name(stages[visits[index].stage].name);
  if (index + 1 == visits.size()) return name;
  return name + " → " + std::string(stages[visits[index + 1].stage].name);
}

// A slice that holds the request's others, where it begins.
void write_request(Writer& writer, const Request& request, const std::vector<Visit>& visits,
                   std::size_t track) {
  auto event = event_at("X", visits.front(), track);
  event["name"] = text("queue {}, request {}", request.queue, request.index);
  event["cat"] = "request";
  event["dur"] = us(visits.back().at + mark_ns - visits.front().at);
  event["args"] = json::object{{"queue", request.queue}, {"index", request.index}};
  writer.write(event);
}

void write_slice(Writer& writer, const std::vector<Visit>& visits, std::size_t index,
                 std::size_t track) {
  const auto& visit = visits[index];
  auto event = event_at("X", visit, track);
  event["name"] = slice_name(visits, index);
  event["cat"] = "hop";
  event["dur"] = us(visit.drawn_ns);
  event["args"] = json::object{{"ns", visit.real_ns}, {"source", stages[visit.stage].source}};
  writer.write(event);
}

// An arrow's point: from the first visit, to each that is on another side than the one before.
void write_arrow(Writer& writer, const char* phase, const Visit& visit, std::size_t track,
                 std::size_t id) {
  auto event = event_at(phase, visit, track);
  event["name"] = "request";
  event["cat"] = "flow";
  event["id"] = id;
  if (*phase == 'f') event["bp"] = "e";
  writer.write(event);
}

std::vector<std::size_t> turns_of(const std::vector<Visit>& visits) {
  std::vector<std::size_t> turns{0};
  for (std::size_t index = 1; index < visits.size(); ++index)
    if (stages[visits[index].stage].side != stages[visits[index - 1].stage].side)
      turns.push_back(index);
  return turns;
}

void write_journey(Writer& writer, const Request& request, const std::vector<Visit>& visits,
                   std::size_t track, std::size_t id) {
  write_request(writer, request, visits, track);
  const auto turns = turns_of(visits);
  for (std::size_t index = 0; index < visits.size(); ++index) {
    write_slice(writer, visits, index, track);
    if (turns.size() < 2 || !std::ranges::binary_search(turns, index)) continue;
    const auto* const phase = index == 0 ? "s" : index == turns.back() ? "f" : "t";
    write_arrow(writer, phase, visits[index], track, id);
  }
}

void write_name(Writer& writer, const char* what, int process, std::size_t track,
                json::object arguments) {
  writer.write({{"ph", "M"},
                {"name", what},
                {"pid", process},
                {"tid", track},
                {"args", std::move(arguments)}});
}

void write_names(Writer& writer, const Trace& trace, std::size_t tracks) {
  for (const auto side : sides) {
    const auto process = process_of(side);
    const auto name = side == Side::device
                          ? text("device '{}', over {}", trace.device, trace.transport)
                          : std::string(name_of(side));
    write_name(writer, "process_name", process, 0, {{"name", name}});
    write_name(writer, "process_sort_index", process, 0, {{"sort_index", process}});
    for (std::size_t track = 1; track <= tracks; ++track)
      write_name(writer, "thread_name", process, track, {{"name", text("under way {}", track)}});
  }
}

}  // namespace

void write_perfetto(std::ostream& out, const Trace& trace, const Figures& figures) {
  auto journeys = figures.journeys;
  std::ranges::stable_sort(journeys, {}, &Journey::began);
  out << "{\"displayTimeUnit\":\"ns\",\"otherData\":" << to_json(trace, figures, 0)
      << ",\"traceEvents\":[";
  Writer writer(out);
  Tracks tracks;
  for (std::size_t id = 1; id <= journeys.size(); ++id) {
    const auto& request = trace.requests[journeys[id - 1].request];
    const auto visits = visits_of(request, figures.whole);
    const auto track = tracks.take(visits.front().at, visits.back().at + mark_ns);
    write_journey(writer, request, visits, track, id);
  }
  write_names(writer, trace, tracks.count());
  out << "\n]}\n";
}

}  // namespace bellwire::view
