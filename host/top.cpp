// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire top`: asks the control sockets of running devices again and again, and prints a line
// per queue that a driver uses. One thread.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <iostream>

#include "host/cli/help.hpp"
#include "host/cli/stop_on_signal.hpp"
#include "host/cli/subcommands.hpp"
#include "host/output/standard_output.hpp"
#include "host/trace/record/status.hpp"
#include "vdev/os/event_count.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;

struct TopOptions {
  std::vector<std::string> sockets;    // control sockets of devices
  double interval = 1;                 // seconds
  std::optional<std::uint64_t> times;  // empty: until a signal ends it
};

// With fixed widths, since its lines are printed one at a time.
const TextTable& table() {
  constexpr auto left = TextTable::Align::left, right = TextTable::Align::right;
  static const TextTable table({{"device", left, 8},
                                {"transport", left, 10},
                                {"pid", left, 7},
                                {"starts"},
                                {"eventfds"},
                                {"queue"},
                                {"requests\nper s"},
                                {"under\nway", right, 7},
                                {"doorbells\nper s"},
                                {"wake-ups\nper s"},
                                {"interrupts\nper s"},
                                {"", left}},
                               1);
  return table;
}

// Words in place of the figures.
const TextTable& notes() {
  constexpr auto left = TextTable::Align::left;
  static const TextTable table(
      {{"", left, 8}, {"", left, 10}, {"", left, 7}, {"starts"}, {"eventfds"}, {"", left}}, 1);
  return table;
}

// A process's eventfds, and how many of them have a count that nobody took yet.
struct EventFdCounts {
  unsigned all = 0, rung = 0;
};

// Empty: this user may not see them. docs/semantics.md 10.
std::optional<EventFdCounts> count_event_fds(pid_t pid) {
  std::error_code error;
  const std::filesystem::directory_iterator all(text("/proc/{}/fdinfo", pid), error);
  if (error) return std::nullopt;
  EventFdCounts counts;
  for (const auto& entry : all)
    if (const auto count = os::event_count(entry.path().string())) {
      ++counts.all;
      counts.rung += *count > 0 ? 1 : 0;
    }
  return counts;
}

// The difference of two counts that wrap, or start again with a generation.
std::string rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return text("{:.0f}",
              now < before || seconds <= 0 ? 0 : static_cast<double>(now - before) / seconds);
}

// A device, and its status when it was last asked.
class WatchedDevice {
 public:
  WatchedDevice(std::string socket, DeviceStatus status)
      : socket_(std::move(socket)), last_(std::move(status)) {}

  // Asks it again. Returns its lines.
  std::string lines(int stop) {
    auto now = ask_status(socket_, stop);
    if (!now) return text("{:<10}{:<13}{}\n", last_.device, last_.transport, now.error().message);
    std::string lines;
    for (const auto& queue : now->queues) lines += line(*now, queue);
    if (now->function) lines = function_line(*now);
    if (lines.empty()) lines = note(cells(*now), "no driver");
    lines += fault_lines(*now);
    last_ = std::move(*now);
    return lines;
  }

 private:
  using Cells = std::vector<std::string>;

  static Cells cells(const DeviceStatus& now) {
    const auto events = count_event_fds(now.pid);
    return {now.device, now.transport, std::to_string(now.pid), std::to_string(now.incarnation),
            events ? text("{}/{}", events->rung, events->all) : "-"};
  }

  // A line that ends in words instead of rates.
  static std::string note(Cells cells, std::string words) {
    cells.push_back(std::move(words));
    return notes().line(cells);
  }

  // Of the last signal that it happened to.
  static std::string fate_of(const FaultStatus& fault) {
    if (!fault.request) return "";
    const auto* const fate = !fault.answered ? "" : *fault.answered ? ", answered" : ", under way";
    return text("; last at request {}{}", *fault.request, fate);
  }

  static std::string fault_lines(const DeviceStatus& now) {
    std::string lines;
    for (const auto& fault : now.faults)
      lines += text("{:<10}injected {} times: {}{}\n", now.device, fault.times, fault.fault,
                    fate_of(fault));
    return lines;
  }

  // Of a PCI function, which has no queues that all devices have.
  [[nodiscard]] std::string function_line(const DeviceStatus& now) const {
    using pci::EventKind;
    const auto before = last_.function.value_or(FunctionCounts());
    const double seconds = std::chrono::duration<double>(now.when - last_.when).count();
    const auto per_second = [&](std::initializer_list<EventKind> kinds) {
      std::uint64_t then = 0, sum = 0;
      for (const auto kind : kinds) then += before.of(kind), sum += now.function->of(kind);
      return rate(then, sum, seconds);
    };
    return note(cells(now),
                text("registers {}/s read, {}/s written; config {}/s; DMA {}/s, {} bytes/s, {} "
                     "failed; {} interrupts/s",
                     per_second({EventKind::read}), per_second({EventKind::write}),
                     per_second({EventKind::config_read, EventKind::config_write}),
                     per_second({EventKind::dma_read, EventKind::dma_write}),
                     rate(before.dma_bytes, now.function->dma_bytes, seconds), now.function->failed,
                     per_second({EventKind::interrupt})));
  }

  [[nodiscard]] std::string line(const DeviceStatus& now, const QueueStatus& queue) const {
    auto all = cells(now);
    const auto name = text("{:>5}", queue.queue);
    if (queue.status != 0) return note(all, text("{}  broken (reason {})", name, queue.status));
    const auto before = std::ranges::find(last_.queues, queue.queue, &QueueStatus::queue);
    if (before == last_.queues.end() || before->generation != queue.generation)
      return note(all, name + "  new");
    const double seconds = std::chrono::duration<double>(now.when - last_.when).count();
    const std::uint32_t completed = queue.completed - before->completed;  // it wraps
    const std::uint32_t under_way = queue.submitted - queue.completed;
    all.insert(
        all.end(),
        {name, rate(0, completed, seconds), text("{}/{}", under_way, queue.entries),
         rate(before->doorbells, queue.doorbells, seconds),
         rate(before->wakeups, queue.wakeups, seconds), rate(before->raises, queue.raises, seconds),
         queue.lost > 0 ? text("{} lost", queue.lost) : ""});
    return table().line(all);
  }

  std::string socket_;
  DeviceStatus last_;
};

// Owns the loop of `top`: the timer between updates, and the devices.
class Top {
 public:
  Top(asio::io_context& context, const TopOptions& options, int stop)
      : context_(context), timer_(context), options_(options), stop_(stop) {}

  Result<void> start() {
    for (const auto& socket : options_.sockets) {
      auto status = ask_status(socket, stop_);
      if (!status) return status.error();
      devices_.emplace_back(socket, std::move(*status));
    }
    if (!terminal_) std::cout << table().heading() << std::flush;
    output_lost() ? context_.stop() : wait();
    return {};
  }

 private:
  void wait() {
    timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(
        std::chrono::duration<double>(options_.interval)));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      show();
      if (++shown_ == options_.times || output_lost()) return context_.stop();
      wait();
    });
  }

  void show() {
    constexpr std::string_view clear = "\x1b[H\x1b[J";  // from the first line on
    std::string lines;
    for (auto& device : devices_) lines += device.lines(stop_);
    if (terminal_) std::cout << clear << table().heading();
    std::cout << lines << std::flush;
  }

  asio::io_context& context_;
  asio::steady_timer timer_;
  const TopOptions& options_;
  const int stop_;  // readable: don't wait for an answer any longer
  const bool terminal_ = ::isatty(STDOUT_FILENO) != 0;
  std::vector<WatchedDevice> devices_;
  std::uint64_t shown_ = 0;
};

// An error if a device can't be asked at the start. A device that goes later is shown as gone, and
// is asked again.
Result<void> run_top(const TopOptions& options) {
  asio::io_context context(1);
  const StopOnSignal stop(context);
  Top top(context, options, stop.fd());
  if (auto started = top.start(); !started)
    return started.error().code == std::errc::operation_canceled ? Result<void>() : started;
  context.run();
  return {};
}

}  // namespace

void add_top(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("top", "Show what running devices do, a line per queue in use");
  command->footer(R"(
Of a whole PCI device it shows accesses, transfers and interrupts.
Faults that are injected on purpose (bellwire device --fault, or bellwire live) follow, with how
often each was.
Rates are averages since the lines before. The column eventfds says how many of the device's
eventfds have a count that nobody took yet, of all that it has. On a terminal the lines stay in
their place.)");
  auto options = std::make_shared<TopOptions>();
  command
      ->add_option("SOCKET", options->sockets,
                   "Control sockets of devices (bellwire device --control)")
      ->required();
  command->add_option("--interval", options->interval, "Seconds between updates")
      ->check(between(0.01, 3600.0))
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--times", options->times, "End after N updates")
      ->check(above_zero())
      ->type_name("N");
  command->callback([&run, options] { run = [options] { return run_top(*options); }; });
}

}  // namespace bellwire::host
