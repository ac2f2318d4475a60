// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/perfetto.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "host/output/json_text.hpp"
#include "host/trace/view/marks.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;

// Times and durations are whole nanoseconds, because Perfetto rounds each number that it reads to
// one. Rounded here, once, two slices that meet still meet in Perfetto.
using Ns = std::int64_t;

constexpr Ns mark_ns = 1;  // of the last stage: an arrow needs a slice to end in

Ns rounded(double ns) {
  return std::llround(ns);
}

// Some readers truncate to nanoseconds, and as a double, 1.005 is a little less than that. The sum
// of its parts, which is how Perfetto reads a number, may differ in the same way.
bool read_alike(Ns ns) {
  const double whole = static_cast<double>(ns) / 1000;
  const Ns us = ns / 1000;
  const double summed = static_cast<double>(us) + static_cast<double>(ns % 1000) / 1000;
  return static_cast<Ns>(whole * 1000) == ns && static_cast<Ns>(summed * 1000) == ns;
}

// `ns`, or the next number that all readers read alike.
Ns readable(Ns ns) {
  while (!read_alike(ns)) ++ns;
  return ns;
}

// Microseconds, as the format has them.
std::string us(Ns ns) {
  return text("{}.{:03}", ns / 1000, ns % 1000);
}

int process_of(Side side) {
  return static_cast<int>(side) + 1;
}

class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}

  void write(const std::string& event) {
    out_ << (first_ ? "\n" : ",\n") << event;
    first_ = false;
  }

 private:
  std::ostream& out_;
  bool first_ = true;
};

// A request gets the lowest track that no other request uses meanwhile.
class Tracks {
 public:
  std::size_t take(Ns from, Ns to) {
    auto track = std::ranges::find_if(ends_, [from](Ns end) { return end <= from; });
    if (track == ends_.end()) track = ends_.insert(track, to);
    *track = to;
    return static_cast<std::size_t>(track - ends_.begin()) + 1;
  }
  [[nodiscard]] std::size_t count() const { return ends_.size(); }

 private:
  std::vector<Ns> ends_;
};

// A request's times as drawn: none is before the one that precedes it, or after the last.
struct Visit {
  std::size_t stage;
  Ns at;
  double real_ns;  // to the next
  Ns drawn_ns;
};

struct Drawn {
  const TracedRequest& request;
  std::size_t id, track;
  std::vector<Visit> visits;

  [[nodiscard]] Ns began() const { return visits.front().at; }
  [[nodiscard]] Ns took() const { return readable(visits.back().at + mark_ns - began()); }
};

std::vector<Visit> visits_of(const TracedRequest& request, const Hop& whole, Ns origin) {
  std::vector<Visit> visits;
  const auto point = [&](std::size_t stage) {
    return readable(rounded(*request.at[stage]) - origin);
  };
  auto at = point(whole.from);
  const auto last = std::max(at, point(whole.to));
  each_hop(request, whole, [&](const Hop& hop, double ns) {
    const auto end = std::clamp(point(hop.to), at, last);
    visits.push_back({hop.from, at, ns, end - at});
    at = end;
  });
  visits.push_back({whole.to, at, 0, mark_ns});
  return visits;
}

std::string event_at(char phase, const Visit& visit, std::size_t track) {
  return text(R"({{"ph":"{}","pid":{},"tid":{},"ts":{})", phase,
              process_of(stages[visit.stage].side), track, us(visit.at));
}

std::string slice_name(const std::vector<Visit>& visits, std::size_t index) {
  const auto from = stages[visits[index].stage].name;
  if (index + 1 == visits.size()) return std::string(from);
  return text("{} → {}", from, stages[visits[index + 1].stage].name);
}

// The slice that encloses the request's others, on the side where it begins.
void write_request(Writer& writer, const Drawn& drawn) {
  writer.write(event_at('X', drawn.visits.front(), drawn.track) +
               text(R"(,"dur":{},"cat":"request","name":"queue {}, request {}"}})",
                    us(drawn.took()), drawn.request.queue, drawn.request.index));
}

// The event has its true time only where that is not the one drawn: slices are most of a file.
void write_slice(Writer& writer, const Drawn& drawn, std::size_t index) {
  const auto& visit = drawn.visits[index];
  auto event =
      event_at('X', visit, drawn.track) + text(R"(,"dur":{},"cat":"hop","name":"{}")",
                                               us(visit.drawn_ns), slice_name(drawn.visits, index));
  const bool last = index + 1 == drawn.visits.size();
  if (!last && std::abs(visit.real_ns - static_cast<double>(visit.drawn_ns)) > 2)
    event += text(R"(,"args":{{"ns":{}}})", rounded(visit.real_ns));
  writer.write(event + "}");
}

// A point of the request's arrow, which leads from its first stage to each later one that is on
// another side than the one before.
void write_arrow(Writer& writer, char phase, const Drawn& drawn, std::size_t index) {
  writer.write(event_at(phase, drawn.visits[index], drawn.track) +
               text(R"(,"cat":"flow","name":"request","id":{}{}}})", drawn.id,
                    phase == 'f' ? R"(,"bp":"e")" : ""));
}

std::vector<std::size_t> turns_of(const std::vector<Visit>& visits) {
  std::vector<std::size_t> turns{0};
  for (std::size_t index = 1; index < visits.size(); ++index)
    if (stages[visits[index].stage].side != stages[visits[index - 1].stage].side)
      turns.push_back(index);
  return turns;
}

void write_request_slices(Writer& writer, const Drawn& drawn) {
  write_request(writer, drawn);
  const auto turns = turns_of(drawn.visits);
  for (std::size_t index = 0; index < drawn.visits.size(); ++index) {
    // The last stage has no time: it is only drawn for an arrow.
    const bool turn = turns.size() > 1 && std::ranges::binary_search(turns, index);
    if (index + 1 < drawn.visits.size() || turn) write_slice(writer, drawn, index);
    if (turn)
      write_arrow(writer, index == 0 ? 's' : index == turns.back() ? 'f' : 't', drawn, index);
  }
}

// On its request's track, where that is drawn; else on the process's.
void write_mark(Writer& writer, const Mark& mark, Ns at, std::optional<std::size_t> track) {
  writer.write(text(R"({{"ph":"i","pid":{},"tid":{},"ts":{},"s":"{}","cat":"{}","name":{}}})",
                    process_of(mark.recovered ? Side::module : Side::device), track.value_or(0),
                    us(readable(std::max(at, Ns{0}))), track ? "t" : "p",
                    mark.recovered ? "recovery" : "fault",
                    host::json_text(json::value(mark.words))));
}

void write_name(Writer& writer, const char* what, int process, std::size_t track,
                json::object arguments) {
  writer.write(host::json_text(json::object{{"ph", "M"},
                                            {"name", what},
                                            {"pid", process},
                                            {"tid", track},
                                            {"args", std::move(arguments)}}));
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

std::string other_data(const Trace& trace, const Figures& figures) {
  auto data = to_json(trace, figures, 0);
  json::object sources;
  for (const auto& stage : stages) sources[stage.name] = stage.source;
  data["sources"] = std::move(sources);
  return host::json_text(data);
}

}  // namespace

void write_perfetto(std::ostream& out, const Trace& trace, const Figures& figures) {
  auto requests = figures.requests;
  std::ranges::stable_sort(requests, {}, &WholeRequest::began);
  const auto origin = std::min(Ns{0}, rounded(requests.front().began));  // no time is negative
  out << R"({"displayTimeUnit":"ns","otherData":)" << other_data(trace, figures)
      << R"(,"traceEvents":[)";
  Writer writer(out);
  Tracks tracks;
  std::map<std::size_t, std::size_t> track_of;  // by place in the trace
  for (std::size_t id = 1; id <= requests.size(); ++id) {
    const auto& request = trace.requests[requests[id - 1].request];
    Drawn drawn{request, id, 0, visits_of(request, figures.whole, origin)};
    drawn.track = tracks.take(drawn.began(), drawn.began() + drawn.took());
    track_of[requests[id - 1].request] = drawn.track;
    write_request_slices(writer, drawn);
  }
  for (const auto& mark : marks_of(trace)) {
    const auto drawn = mark.request ? track_of.find(*mark.request) : track_of.end();
    write_mark(writer, mark, rounded(mark.at) - origin,
               drawn == track_of.end() ? std::nullopt : std::optional(drawn->second));
  }
  write_names(writer, trace, tracks.count());
  out << "\n]}\n";
}

}  // namespace bellwire::view
