// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/marks.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

using Name = std::pair<std::uint32_t, std::uint32_t>;  // queue, index

// Of a request that passed a stage.
double began(const TracedRequest& request) {
  return **std::ranges::find_if(request.at, [](const auto& at) { return at.has_value(); });
}

// Indices begin anew with each claim of the queue: by their name, in the order of their time.
class Places {
 public:
  explicit Places(const Trace& trace) : trace_(trace) {
    for (std::size_t place = 0; place < trace.requests.size(); ++place) {
      const auto& request = trace.requests[place];
      if (std::ranges::any_of(request.at, [](const auto& at) { return at.has_value(); }))
        places_.emplace(Name{request.queue, request.index}, place);
    }
  }

  // The last of that name that had begun, as far as the clocks can tell.
  [[nodiscard]] std::optional<std::size_t> find(const TracedMark& mark) const {
    if (!mark.index) return std::nullopt;
    std::optional<std::size_t> found;
    const auto [first, end] = places_.equal_range({mark.queue, *mark.index});
    for (auto each = first; each != end; ++each)
      if (began(trace_.requests[each->second]) <= mark.at + trace_.clock.uncertainty_ns)
        found = each->second;
    return found;
  }

 private:
  const Trace& trace_;
  std::multimap<Name, std::size_t> places_;
};

std::string without_number(const std::string& words) {
  const auto end = words.find_last_not_of("0123456789");
  const bool number = end != std::string::npos && end + 1 < words.size() && words[end] == ' ';
  return number ? words.substr(0, end) : words;
}

std::vector<std::pair<std::string, std::size_t>> counts_of(const Trace& trace, bool recovered) {
  std::map<std::string, std::size_t> counts;
  std::set<std::pair<double, std::string_view>> numbered;
  for (const auto& mark : recovered ? trace.recovered : trace.faults) {
    const auto kind = without_number(mark.what);
    const bool again = kind != mark.what && !numbered.emplace(mark.at, mark.what).second;
    if (!again) ++counts[kind];  // one that hits a guest stands on each of its queues
  }
  std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater(), [](const auto& each) { return each.second; });
  return sorted;
}

}  // namespace

std::vector<Mark> marks_of(const Trace& trace) {
  const Places places(trace);
  std::vector<Mark> marks;
  for (const auto& fault : trace.faults)
    marks.push_back({fault.what, without_number(fault.what), fault.at, false, places.find(fault)});
  for (const auto& each : trace.recovered) {
    const auto words = each.what + " recovered";
    marks.push_back({words, words, each.at, true, places.find(each)});
  }
  std::ranges::stable_sort(marks, {}, &Mark::at);
  return marks;
}

MarksByRequest by_request(const std::vector<Mark>& marks) {
  MarksByRequest all;
  for (const auto& mark : marks)
    if (mark.request) all.emplace(*mark.request, mark);
  return all;
}

std::string counts_in_words(const Trace& trace, bool recovered) {
  std::string words;
  for (const auto& [kind, count] : counts_of(trace, recovered))
    words += text("{}{} {}", words.empty() ? "" : ", ", grouped(count), kind);
  return words;
}

boost::json::object counts_in_json(const Trace& trace, bool recovered) {
  boost::json::object counts;
  for (const auto& [kind, count] : counts_of(trace, recovered)) counts[kind] = count;
  return counts;
}

}  // namespace bellwire::view
