// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/show.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "host/trace/view/marks.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

constexpr std::array<std::string_view, sides.size()> colours = {"\x1b[34m", "\x1b[36m", "\x1b[33m"};
constexpr std::string_view no_colour = "\x1b[0m";

// In eighths of a cell, where the character set has them.
std::string fill(const Screen& screen, double cells) {
  constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!screen.unicode) return std::string(static_cast<std::size_t>(std::lround(cells)), '#');
  const auto filled = static_cast<std::size_t>(std::lround(cells * 8));
  std::string drawn;
  for (std::size_t cell = 0; cell < filled / 8; ++cell) drawn += "█";
  return drawn.append(eighths[filled % 8]);
}

constexpr unsigned figure_columns = 5 * 9 + 8;  // count, four times, share; each with its gap
constexpr unsigned widest_bar = 40;

unsigned bar_cells(const Screen& screen) {
  const auto used = hop_columns + figure_columns + 1;
  return screen.width > used ? std::min(screen.width - used, widest_bar) : 0;
}

std::vector<std::string> row(const Screen& screen, const Hop& hop, const Summary& ns,
                             double share) {
  return {name_of(screen, hop),
          grouped(ns.count),
          micro(ns.p50),
          micro(ns.p90),
          micro(ns.p99),
          micro(ns.max),
          text("{:.1f} %", 100 * share)};
}

void show_hops(std::ostream& out, const Screen& screen, const Figures& figures) {
  constexpr auto left = TextTable::Align::left, right = TextTable::Align::right;
  TextTable table({{text("hop, {}", screen.micro()), left, hop_columns},
                   {"count", right, 8},
                   {"p50", right, 8},
                   {"p90", right, 8},
                   {"p99", right, 8},
                   {"max", right, 8},
                   {"share", right, 7},
                   {"", left}},
                  1);
  const auto largest = std::ranges::max(figures.hops, {}, &HopFigures::share).share;
  for (const auto& [hop, ns, share, backwards, uncertain] : figures.hops) {
    auto cells = row(screen, hop, ns, share);
    const auto part = largest > 0 ? share / largest : 0;
    cells.push_back(bar(screen, part, bar_cells(screen), stages[hop.from].side));
    table.add(std::move(cells));
  }
  table.add(row(screen, figures.whole, figures.total, 1));
  out << table.with_heading() << '\n';
}

void show_fact(std::ostream& out, std::string_view name, const std::string& words) {
  if (!words.empty()) out << text("{:<12}{}\n", name, words);
}

std::string names_of(const Screen& screen, const Figures& figures,
                     const std::function<bool(const HopFigures&)>& chosen) {
  std::string names;
  for (const auto& hop : figures.hops)
    if (chosen(hop)) names += (names.empty() ? "" : ", ") + name_of(screen, hop.hop);
  return names;
}

std::string clock_words(const Screen& screen, const Trace& trace, const Figures& figures) {
  if (trace.clock.uncertainty_ns == 0) return "one, for all sides";
  auto words = text("guest's and host's joined within {} {} {}", screen.about(),
                    micro(trace.clock.uncertainty_ns), screen.micro());
  if (const auto hops = names_of(screen, figures, std::mem_fn(&HopFigures::uncertain));
      !hops.empty())
    words += text("; hops shorter than that: {}", hops);
  if (trace.clock.contradictions > 0)
    words += text("; {} requests contradict each other", grouped(trace.clock.contradictions));
  return words;
}

std::string signal_words(const Summary& requests) {
  if (requests.count == 0) return "none";
  return text("{}; requests per signal: {:.0f} at the median, {:.0f} at most",
              grouped(requests.count), requests.p50, requests.max);
}

std::string lost_words(const Trace& trace) {
  std::string words;
  for (std::size_t side = 0; side < sides.size(); ++side)
    if (trace.lost[side] > 0)
      words += text("{}{} of the {}'s", words.empty() ? "" : ", ", grouped(trace.lost[side]),
                    name_of(sides[side]));
  return words.empty()
             ? "no record"
             : words + ": overwritten before they were read, so some hops span several stages";
}

std::string left_out_words(const TracedLeftOut& left) {
  return text("of queue {}: {} requests and {} other records, with times or stages that can't be",
              left.queue, grouped(left.requests), grouped(left.records));
}

std::string incomplete_words(const Screen& screen, const Figures& figures) {
  if (figures.incomplete == 0) return {};
  return text("{} requests, not counted above: their {} was not recorded completely",
              grouped(figures.incomplete), name_of(screen, figures.whole));
}

std::string backwards_words(const Screen& screen, const Figures& figures) {
  std::string words;
  for (const auto& hop : figures.hops)
    if (hop.backwards > 0)
      words += text("{}{} {} times", words.empty() ? "" : ", ", name_of(screen, hop.hop),
                    grouped(hop.backwards));
  return words;
}

void show_facts(std::ostream& out, const Screen& screen, const Trace& trace,
                const Figures& figures) {
  show_fact(out, "clock", clock_words(screen, trace, figures));
  show_fact(out, "depth",
            text("{:.0f} at the median, {:.0f} at most", figures.depth.p50, figures.depth.max));
  show_fact(out, "doorbells", signal_words(figures.doorbells));
  show_fact(out, "interrupts", signal_words(figures.interrupts));
  show_fact(out, "faults", counts_in_words(trace, false));
  show_fact(out, "recovered", counts_in_words(trace, true));
  show_fact(out, "lost", lost_words(trace));
  for (const auto& left : trace.left_out) show_fact(out, "left out", left_out_words(left));
  show_fact(out, "incomplete", incomplete_words(screen, figures));
  show_fact(out, "backwards", backwards_words(screen, figures));
}

// "submitted 10.12 → kicked 1.20 → …", in as many lines as needed.
void show_way(std::ostream& out, const Screen& screen, const TracedRequest& request,
              const Hop& whole) {
  const std::string margin(4, ' ');
  std::string line = margin, gap;
  const auto add = [&](const std::string& step) {
    if (line != margin && line.size() + gap.size() + step.size() > screen.width) {
      out << line << '\n';
      line = margin;
      gap.clear();
    }
    line += gap + step;
    gap = " ";
  };
  std::size_t last = 0;
  each_hop(request, whole, [&](const Hop& hop, double ns) {
    add(text("{} {} {}", stages[hop.from].name, micro(ns), screen.arrow()));
    last = hop.to;
  });
  add(std::string(stages[last].name));
  out << line << '\n';
}

void show_marks(std::ostream& out, const Screen& screen, const MarksByRequest& marks,
                const WholeRequest& timed) {
  const auto [first, end] = marks.equal_range(timed.request);
  for (auto each = first; each != end; ++each)
    out << text("    {} {}: {}\n", micro(each->second.at - timed.began), screen.micro(),
                each->second.words);
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

void show_origin(std::ostream& out, const std::string& device, const std::string& transport,
                 const MachineFacts& machine, const std::string& began) {
  out << text("{} over {}, accelerator {}{}{}\n", device, transport,
              machine.accelerator.value_or("not given"),
              machine.qemu ? ", QEMU " + *machine.qemu : "",
              machine.guest_kernel ? ", guest's kernel " + *machine.guest_kernel : "");
  out << text("{}, kernel {}, {}\n\n", machine.cpu, machine.kernel, began);
}

void show(std::ostream& out, const Screen& screen, const Trace& trace, const Figures& figures,
          std::size_t slowest) {
  show_origin(out, trace.device, trace.transport, trace.machine, trace.began);
  show_hops(out, screen, figures);
  show_facts(out, screen, trace, figures);
  const auto shown = std::min(slowest, figures.requests.size());
  if (shown > 0) out << "\nslowest\n";
  const auto marks = by_request(marks_of(trace));
  for (std::size_t rank = 0; rank < shown; ++rank) {
    const auto& [place, began, ns] = figures.requests[rank];
    const auto& request = trace.requests[place];
    out << text("  queue {}, request {}: {} {}, {:.6f} s after the first\n", request.queue,
                request.index, micro(ns), screen.micro(), began / 1e9);
    show_way(out, screen, request, figures.whole);
    show_marks(out, screen, marks, figures.requests[rank]);
  }
}

}  // namespace bellwire::view
