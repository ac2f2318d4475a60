// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/screen.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include "vdev/os/event_count.hpp"
#include "vdev/os/text.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::steps {
namespace {

struct Words {
  std::string_view now, next;
};

// By the stage that comes next.
constexpr std::array<Words, BELLWIRE_STAGES> step_words{{
    {"The request is written in the ring. No index counts it yet, so nobody can see it.",
     "The process publishes it: submitted + 1. Then it rings, and waits."},
    {"The kick eventfd has a count. It says that somebody rang, and not what for.",
     "The module's worker takes the count, which is 0 then."},
    {"The module knows that the device is to be rung. The device still sleeps.",
     "The module writes the doorbell register. That becomes a count in an eventfd."},
    {"The doorbell's eventfd has a count: all that is left of the write to the register.",
     "The device's thread wakes, and takes the count."},
    {"The device is awake. It finds in the index submitted that there is a request.",
     "It copies the request, checks the copy, and serves it."},
    {"The answer is in memory. The driver can't see it: no index counts it yet.",
     "The device publishes it: completed + 1. From here on it is never done again."},
    {"completed has passed interrupt_event: the process sleeps, and wants to be woken.",
     "The device adds 1 to the interrupt's eventfd. That becomes an interrupt of the guest."},
    {"The interrupt's eventfd has a count. The guest's CPU knows nothing of it yet.",
     "The interrupt is delivered, and takes the count with it."},
    {"The interrupt came, and its handler ran. The process still sleeps in the kernel.",
     "The module adds 1 to the call eventfd."},
    {"The call eventfd has a count, so the process's poll() has returned.",
     "The process takes the count. Without that, the next poll() would return at once."},
    {"The process is awake. It finds in the index completed that there is an answer.",
     "It copies the answer: consumed + 1. The place in the ring is free again."},
}};

struct Group {
  std::string_view heading;
  std::span<const std::string_view> names;
};

constexpr std::array<std::string_view, 4> counts{"kick", "doorbell", "interrupt", "call"};
constexpr std::array<std::string_view, 3> indices{"submitted", "completed", "consumed"};
constexpr std::array<std::string_view, 2> events{"doorbell_event", "interrupt_event"};
constexpr std::array<Group, 3> groups{
    {{"eventfds", counts}, {"indices", indices}, {"ring me at", events}}};

// Bold, and readable on black and on white.
constexpr std::string_view green = "32", magenta = "35", inverse = "7", plain = "1";
constexpr std::size_t column = 28;  // of a side

const Value* find(const Values& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &Value::name);
  return found == values.end() ? nullptr : &*found;
}

std::string padded(std::string_view words, std::size_t width) {
  const auto columns = columns_of(words);
  return std::string(words) + std::string(width > columns ? width - columns : 0, ' ');
}

}  // namespace

std::string source_file(std::string_view path) {
  std::size_t from = 0;
  for (const std::string_view top : {"vdev/", "host/", "guest-kmod/"})
    if (const auto at = path.rfind(top);
        at != std::string_view::npos && (at == 0 || path[at - 1] == '/'))
      from = std::max(from, at);
  return std::string(path.substr(from));
}

Stop stop_at(const StepGate::Hop& hop) {
  return {hop.stage, hop.queue, source_file(hop.line.file), hop.line.line,
          std::string(hop.function)};
}

Values values_of(const ring::Queue& queue) {
  const auto& control = *queue.control;
  const auto now = [](const __u32& word) { return std::uint64_t{ring::load(word, ring::acquire)}; };
  return {{"submitted", now(control.submit.submitted)},
          {"completed", now(control.complete.completed)},
          {"consumed", now(control.consume.consumed)},
          {"doorbell_event", now(control.doorbell.doorbell_event)},
          {"interrupt_event", now(control.consume.interrupt_event)}};
}

void add_count(Values& values, std::string_view name, int fd) {
  if (const auto count = os::event_count(fd)) values.push_back({std::string(name), *count});
}

std::string json_of(const std::optional<Stop>& stop) {
  if (!stop) return "null";
  return text(R"({{"next":"{}","queue":{},"file":"{}","line":{},"function":"{}"}})",
              trace::stages[stop->next].name, stop->queue, stop->file, stop->line, stop->function);
}

std::string json_of(const Values& values) {
  std::string all;
  for (const auto& [name, now] : values)
    all += text(R"({}"{}":{})", all.empty() ? "" : ",", name, now);
  return "{" + all + "}";
}

Screen::Look Screen::look_of_output(bool keys) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  const char* const unwanted = std::getenv("NO_COLOR");
  return {.colour = terminal && (unwanted == nullptr || *unwanted == '\0'),
          .clear = terminal,
          .keys = keys};
}

std::string Screen::bold(std::string_view words, std::string_view colour) const {
  return look_.colour ? text("\x1b[1;{}m{}\x1b[0m", colour, words) : std::string(words);
}

// A column per side, a row per stage.
std::string Screen::path(const Stop& stop) const {
  std::string rows = "    " + padded("process, in the guest", column) +
                     padded("module, in its kernel", column) + "device, on the host\n";
  for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage) {
    const auto& [name, side] = trace::stages[stage];
    const bool passed = stage < stop.next, next = stage == stop.next;
    const auto colour = next ? inverse : green;
    const auto mark = next ? "▶" : passed ? "✓" : "·";
    const auto words = text("{} {}", mark, name);
    rows += "  " + std::string(side * column, ' ') +
            (next || passed ? bold(words, colour) : words) +
            (next ? bold("   ◀── comes next", plain) : "") + "\n";
  }
  return rows;
}

std::string Screen::shown(const Value& value) const {
  const auto* const before = find(before_, value.name);
  if (before == nullptr || before->now == value.now) return text("{} {}", value.name, value.now);
  return bold(text("{} {} (was {})", value.name, value.now, before->now), magenta);
}

std::string Screen::table(const Values& values) const {
  std::string rows;
  for (const auto& [heading, names] : groups) {
    std::string row;
    for (const auto name : names)
      if (const auto* const value = find(values, name)) row += "   " + shown(*value);
    if (!row.empty()) rows += "  " + padded(heading, 10) + row + "\n";
  }
  return rows;
}

std::string Screen::draw(const Stop& stop, const Values& values) {
  const auto& [now, next] = step_words[stop.next];
  auto page = look_.clear ? std::string("\x1b[H\x1b[2J") : std::string();
  page += "\n  " + bold("bellwire, in slow motion", plain) + text("; queue {}\n\n", stop.queue);
  page += path(stop) + "\n" + table(values) + "\n";
  page += text("  {}   {}\n", bold("now ", plain), now);
  page += text("  {}   {}\n", bold("next", plain), next);
  page += text("  {}   {}:{}, {}()\n", bold("line", plain), stop.file, stop.line, stop.function);
  if (look_.keys) page += "\n  any key: the next hop;  q: let it run;  Ctrl-C: end\n";
  before_ = values;
  return page;
}

}  // namespace bellwire::steps
