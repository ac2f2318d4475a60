// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/file/trace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/stream_parser.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "host/output/stream_buffers.hpp"
#include "host/trace/file/function_trace.hpp"
#include "host/trace/file/json_node.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;

constexpr std::uint64_t version = 1;
constexpr std::size_t largest_file = 512 << 20;  // bytes; what a recorder has room for fits
constexpr std::size_t read_at_once = 1 << 20;
constexpr std::uint64_t any_word = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t any_count = 1ULL << 53;  // a number in JSON is exact up to here

json::value parse_json(std::string_view content) {
  json::stream_parser parser(json::make_shared_resource<json::monotonic_resource>());
  boost::system::error_code error;
  const auto read = parser.write_some(content.data(), content.size(), error);
  if (!error && read == content.size()) parser.finish(error);
  if (!error && read < content.size()) error = make_error_code(json::error::extra_data);
  if (!error) return parser.release();
  const auto before = content.substr(0, read);
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto column = read - (before.rfind('\n') + 1) + 1;
  throw Malformed(text("line {}, column {} is not JSON ({})", line, column, error.message()));
}

void check_version(const JsonNode& node) {
  if (node.whole(any_word) != version)
    node.refuse(
        text("{}, which is all that this bellwire reads; use the one that recorded it", version));
}

void check_stages(const JsonNode& node) {
  if (node.size() != stages.size()) node.refuse(text("an array of {} stages", stages.size()));
  for (std::size_t index = 0; index < stages.size(); ++index) {
    const auto stage = node.at(index);
    const auto expect = [&stage](std::string_view key, std::string_view expected) {
      if (const auto found = stage.at(key); found.line() != expected) found.refuse(expected);
    };
    expect("name", stages[index].name);
    expect("side", name_of(stages[index].side));
  }
}

ClockInfo read_clock(const JsonNode& node) {
  return {.ticks_per_ns = node.at("ticks_per_ns").number(std::numeric_limits<double>::min()),
          .uncertainty_ns = node.at("uncertainty_ns").number(0),
          .contradictions = node.at("contradictions").whole(any_count)};
}

std::uint32_t read_word(const JsonNode& node) {
  return static_cast<std::uint32_t>(node.whole(any_word));
}

TracedRequest read_request(const JsonNode& node) {
  TracedRequest request{.queue = read_word(node.at("queue")), .index = read_word(node.at("index"))};
  const auto at = node.at("at");
  if (at.size() != stages.size()) at.refuse(text("an array of {} times", stages.size()));
  for (std::size_t stage = 0; stage < stages.size(); ++stage)
    request.at[stage] = at.at(stage).number_or_null();
  return request;
}

bool possible(double time) {
  return std::abs(time) <= largest_time;
}

bool possible(const TracedRequest& request) {
  return std::ranges::all_of(request.at, [](const auto& at) { return !at || possible(*at); });
}

// By queue.
using Left = std::map<std::uint32_t, TracedLeftOut>;

std::vector<TracedRequest> read_requests(const JsonNode& node, Left& left) {
  std::vector<TracedRequest> requests;
  requests.reserve(node.size());
  auto latest = std::numeric_limits<double>::lowest();
  for (std::size_t index = 0; index < node.size(); ++index) {
    const auto request = read_request(node.at(index));
    if (!possible(request)) {
      ++left[request.queue].requests;
      continue;
    }
    requests.push_back(request);
    const auto submitted = request.at.front().value_or(latest);
    if (submitted < latest)
      node.at(index)
          .at("at")
          .at(std::size_t{0})
          .refuse(text("{} or more, as requests are sorted by it", latest));
    latest = submitted;
  }
  return requests;
}

std::vector<TracedSignal> read_signals(const JsonNode& node, Left& left) {
  std::vector<TracedSignal> rings;
  rings.reserve(node.size());
  for (std::size_t index = 0; index < node.size(); ++index) {
    const auto node_of = node.at(index);
    const TracedSignal ring{.queue = read_word(node_of.at("queue")),
                            .at = node_of.at("at").number(),
                            .requests = read_word(node_of.at("requests"))};
    if (possible(ring.at))
      rings.push_back(ring);
    else
      ++left[ring.queue].records;
  }
  return rings;
}

// Older files have none.
std::vector<TracedMark> read_marks(const JsonNode& file, std::string_view name, Left& left) {
  std::vector<TracedMark> marks;
  if (!file.has(name)) return marks;
  const auto list = file.at(name);
  for (std::size_t place = 0; place < list.size(); ++place) {
    const auto node = list.at(place);
    const auto index = node.at("index");
    TracedMark mark{.queue = read_word(node.at("queue")),
                    .at = node.at("at").number(),
                    .what = node.at("what").line()};
    if (!index.is_null()) mark.index = read_word(index);
    if (possible(mark.at))
      marks.push_back(std::move(mark));
    else
      ++left[mark.queue].records;
  }
  return marks;
}

// Likewise.
Left read_left_out(const JsonNode& file) {
  Left left;
  if (!file.has("left_out")) return left;
  const auto list = file.at("left_out");
  for (std::size_t index = 0; index < list.size(); ++index) {
    const auto node = list.at(index);
    auto& of = left[read_word(node.at("queue"))];
    of.requests += node.at("requests").whole(any_count);
    of.records += node.at("records").whole(any_count);
  }
  return left;
}

Trace read_all(const JsonNode& file) {
  check_stages(file.at("stages"));
  auto left = read_left_out(file);
  Trace trace{.machine = read_machine(file.at("machine")),
              .transport = file.at("transport").line(),
              .device = file.at("device").line(),
              .began = file.at("began").line(),
              .clock = read_clock(file.at("clock")),
              .requests = read_requests(file.at("requests"), left),
              .doorbells = read_signals(file.at("doorbells"), left),
              .interrupts = read_signals(file.at("interrupts"), left),
              .faults = read_marks(file, "faults", left),
              .recovered = read_marks(file, "recovered", left)};
  for (const auto& [queue, of] : left) trace.left_out.push_back({queue, of.requests, of.records});
  for (std::size_t side = 0; side < sides.size(); ++side)
    trace.lost[side] = file.at("lost").at(name_of(sides[side])).whole(any_count);
  return trace;
}

// Any file: a pipe or a FIFO has no size before it ends.
Result<std::string> read_bytes(const std::string& path) {
  const os::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return system_fault("cannot read the trace '{}'", path);
  std::string content;
  for (std::size_t used = 0;;) {
    content.resize(used + read_at_once);
    const auto got = ::read(file.get(), &content[used], read_at_once);
    if (got < 0 && errno != EINTR) return system_fault("cannot read the trace '{}'", path);
    if (got > 0) used += static_cast<std::size_t>(got);
    if (used > largest_file)
      return fault(
          std::errc::file_too_large,
          "trace '{}' has more than {} bytes, the most that can be read; record for less time",
          path, largest_file);
    if (got != 0) continue;
    content.resize(used);
    return content;
  }
}

AnyTrace read_any_kind(const JsonNode& file) {
  check_version(file.at("version"));
  if (is_function_trace(file)) return read_function_trace(file);
  return read_all(file);
}

Result<Trace> with_requests(Result<AnyTrace> read, const std::string& name) {
  if (!read) return read.error();
  if (auto* const trace = std::get_if<Trace>(&*read)) return std::move(*trace);
  return fault(std::errc::protocol_error,
               "trace '{}' is of a whole PCI device, which has no requests: only trace show and "
               "trace export --html take it",
               name);
}

}  // namespace

MachineFacts read_machine(const JsonNode& node) {
  return {.cpu = node.at("cpu").line(),
          .kernel = node.at("kernel").line(),
          .accelerator = node.at("accelerator").line_or_null(),
          .qemu = node.at("qemu").line_or_null(),
          .guest_kernel = node.at("guest_kernel").line_or_null()};
}

Result<AnyTrace> parse_any(std::string_view content, const std::string& name) {
  try {
    const auto document = parse_json(content);
    return read_any_kind(JsonNode(document));
  } catch (const Malformed& malformed) {
    return fault(std::errc::protocol_error,
                 "trace '{}': {}; if it was not changed, record it again", name, malformed.what());
  }
}

Result<Trace> parse(std::string_view content, const std::string& name) {
  return with_requests(parse_any(content, name), name);
}

Result<AnyTrace> read_any(const std::string& path) {
  auto content = read_bytes(path);
  if (!content) return content.error();
  if (host::is_gzip(*content)) {
    content = host::gunzip(*content, largest_file);
    if (!content)
      return Error{content.error().code, text("trace '{}': {}", path, content.error().message)};
  }
  return parse_any(*content, path);
}

Result<Trace> read(const std::string& path) {
  return with_requests(read_any(path), path);
}

}  // namespace bellwire::view
