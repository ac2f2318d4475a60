// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/file/trace_file.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <utility>

#include "host/cli/system.hpp"
#include "host/output/json_text.hpp"
#include "host/trace/file/json_node.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::host {
namespace {

namespace json = boost::json;

constexpr int version = 1;
constexpr std::uint64_t most_lost = 1ULL
                                    << 53;  // a side may claim any number; JSON is exact up to here

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value();
}

std::string iso(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char buffer[sizeof "2026-11-23T03:15:00Z"];
  return {buffer, std::strftime(buffer, sizeof buffer, "%FT%TZ", &parts)};
}

json::array stage_list() {
  json::array list;
  for (const auto& stage : trace::stages)
    list.push_back({{"name", stage.name}, {"side", trace::side_names[stage.side]}});
  return list;
}

json::array left_out(const trace::Timeline& timeline) {
  json::array list;
  for (const auto& [queue, requests, records] : timeline.left_out)
    list.push_back({{"queue", queue}, {"requests", requests}, {"records", records}});
  return list;
}

json::object lost_by_side(const trace::Timeline& timeline) {
  json::object lost;
  for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side)
    lost[trace::side_names[side]] = std::min(timeline.lost[side], most_lost);
  return lost;
}

json::object head(const trace::Timeline& timeline, const TraceFacts& facts,
                  std::chrono::system_clock::time_point began) {
  auto head = trace_head(facts, began);
  head["clock"] = {{"ticks_per_ns", timeline.ticks_per_ns},
                   {"offset_ticks", timeline.offset_ticks},
                   {"uncertainty_ns", timeline.uncertainty_ns},
                   {"contradictions", timeline.contradictions}};
  head["stages"] = stage_list();
  head["lost"] = lost_by_side(timeline);
  head["left_out"] = left_out(timeline);
  return head;
}

// The long lists are written as text: as JSON values they would take ten times the memory.
class JsonLists {
 public:
  explicit JsonLists(std::string begun) : text_(std::move(begun)) {}

  template <class Items, class Write>
  void list(const char* name, const Items& items, const Write& write) {
    add(",\n\"{}\":[", name);
    const char* between = "\n";
    for (const auto& item : items) {
      text_ += std::exchange(between, ",\n");
      write(item);
    }
    text_ += ']';
  }
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    text_ += text(format, std::forward<Args>(args)...);
  }
  std::string end() { return std::move(text_) + "}\n"; }

 private:
  std::string text_;
};

struct FactField {
  std::string_view name;
  std::optional<std::string> TraceFacts::*fact;
};
constexpr FactField fact_fields[] = {{"accelerator", &TraceFacts::accelerator},
                                     {"qemu", &TraceFacts::qemu},
                                     {"guest_kernel", &TraceFacts::guest_kernel}};

}  // namespace

Result<void> add_fact(TraceFacts& facts, const NamedFact& fact) {
  const auto* const place = std::ranges::find(fact_fields, fact.name, &FactField::name);
  if (place == std::end(fact_fields))
    return fault(std::errc::invalid_argument, "fact '{}': choose accelerator, qemu or guest_kernel",
                 fact.name);
  if (!view::fits_line(fact.text) || !fits_json(fact.text))  // no reader would take the trace
    return fault(std::errc::invalid_argument,
                 "fact '{}': give a line of 1 to {} bytes of UTF-8, without control characters",
                 fact.name, view::longest_line);
  facts.*place->fact = fact.text;
  return {};
}

Result<NamedFact> parse_fact(const std::string& words) {
  const auto equals = words.find('=');
  if (equals == std::string::npos)
    return fault(std::errc::invalid_argument, "fact '{}': give NAME=TEXT", words);
  const NamedFact fact{words.substr(0, equals), words.substr(equals + 1)};
  TraceFacts any;
  if (auto known = add_fact(any, fact); !known) return known.error();
  return fact;
}

json::object trace_head(const TraceFacts& facts, std::chrono::system_clock::time_point began) {
  return {{"version", version},
          {"machine",
           {{"accelerator", or_null(facts.accelerator)},
            {"cpu", cpu_model()},
            {"kernel", kernel_release()},
            {"qemu", or_null(facts.qemu)},
            {"guest_kernel", or_null(facts.guest_kernel)}}},
          {"transport", facts.transport},
          {"device", facts.device},
          {"began", iso(began)}};
}

std::string trace_file(const trace::Timeline& timeline, const TraceFacts& facts,
                       std::chrono::system_clock::time_point began) {
  auto begun = json_text(head(timeline, facts, began));
  begun.pop_back();  // the brace: more follows
  JsonLists file(std::move(begun));
  file.list("requests", timeline.journeys, [&](const trace::Journey& journey) {
    file.add("{{\"queue\":{},\"index\":{},\"at\":[", journey.queue, journey.index);
    for (std::size_t stage = 0; stage < journey.at.size(); ++stage) {
      if (stage > 0) file.add(",");
      if (journey.at[stage])
        file.add("{:.1f}", *journey.at[stage]);
      else
        file.add("null");
    }
    file.add("]}}");
  });
  const auto call = [&](const trace::Call& made) {
    file.add("{{\"queue\":{},\"at\":{:.1f},\"requests\":{}}}", made.queue, made.at, made.requests);
  };
  file.list("doorbells", timeline.doorbells, call);
  file.list("interrupts", timeline.interrupts, call);
  file.list("faults", timeline.faults, [&](const trace::Fault& fault) {
    file.add("{{\"queue\":{},\"at\":{:.1f},\"what\":\"{}\",\"index\":{}}}", fault.queue, fault.at,
             fault.what, fault.index ? std::to_string(*fault.index) : "null");
  });
  file.list("recovered", timeline.recovered, [&](const trace::Recovered& each) {
    file.add("{{\"queue\":{},\"at\":{:.1f},\"what\":\"{}\",\"index\":{}}}", each.queue, each.at,
             trace::name_of(each.what), each.index);
  });
  return file.end();
}

}  // namespace bellwire::host
