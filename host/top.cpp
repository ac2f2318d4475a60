// SPDX-License-Identifier: BSD-3-Clause
#include "host/top.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <iostream>

#include "host/cli/stop_on_signal.hpp"
#include "host/device/device_status.hpp"
#include "host/output/standard_output.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;

constexpr std::string_view heading =
    "device    transport    pid      starts  eventfds  queue   requests/s  under way  "
    "doorbells/s  wake-ups/s  interrupts/s\n";

// Of words that wrap, or begin anew with a generation.
double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now < before || seconds <= 0 ? 0 : static_cast<double>(now - before) / seconds;
}

// The last look at a device, to take the next one's difference to.
class Watched {
 public:
  Watched(std::string socket, DeviceStatus status)
      : socket_(std::move(socket)), last_(std::move(status)) {}

  std::string look() {
    auto now = ask_status(socket_);
    if (!now) return text("{:<10}{:<13}{}\n", last_.device, last_.transport, now.error().message);
    std::string lines;
    for (const auto& queue : now->queues) lines += begin(*now) + rates(queue, *now);
    if (lines.empty()) lines = begin(*now) + "no driver\n";
    last_ = std::move(*now);
    return lines;
  }

 private:
  static std::string begin(const DeviceStatus& now) {
    const auto events = count_event_fds(now.pid);
    const auto told = events ? text("{}/{}", events->rung, events->all) : "-";
    return text("{:<10}{:<13}{:<9}{:>6}  {:>8}  ", now.device, now.transport, now.pid,
                now.incarnation, told);
  }

  [[nodiscard]] std::string rates(const QueueStatus& queue, const DeviceStatus& now) const {
    const auto under_way = queue.submitted - queue.completed;
    if (queue.status != 0) return text("{:>5}   broken (reason {})\n", queue.queue, queue.status);
    const auto before = std::ranges::find(last_.queues, queue.queue, &QueueStatus::queue);
    if (before == last_.queues.end() || before->generation != queue.generation)
      return text("{:>5}   new\n", queue.queue);
    const double seconds = std::chrono::duration<double>(now.when - last_.when).count();
    return text(
        "{:>5}  {:>11.0f}  {:>9}  {:>11.0f}  {:>10.0f}  {:>12.0f}{}\n", queue.queue,
        static_cast<double>(queue.completed - before->completed) / seconds,
        text("{}/{}", under_way, queue.entries), rate(before->doorbells, queue.doorbells, seconds),
        rate(before->wakeups, queue.wakeups, seconds), rate(before->raises, queue.raises, seconds),
        queue.lost > 0 ? text("  {} lost", queue.lost) : "");
  }

  std::string socket_;
  DeviceStatus last_;
};

class Top {
 public:
  Top(asio::io_context& context, const TopOptions& options)
      : context_(context), timer_(context), options_(options) {}

  Result<void> start() {
    for (const auto& socket : options_.sockets) {
      auto status = ask_status(socket);
      if (!status) return status.error();
      watched_.emplace_back(socket, std::move(*status));
    }
    if (!terminal_) std::cout << heading << std::flush;
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
    for (auto& watched : watched_) lines += watched.look();
    if (terminal_) std::cout << clear << heading;
    std::cout << lines << std::flush;
  }

  asio::io_context& context_;
  asio::steady_timer timer_;
  const TopOptions& options_;
  const bool terminal_ = ::isatty(STDOUT_FILENO) != 0;
  std::vector<Watched> watched_;
  std::uint64_t shown_ = 0;
};

}  // namespace

Result<void> run_top(const TopOptions& options) {
  asio::io_context context(1);
  const StopOnSignal stop(context);
  Top top(context, options);
  if (auto started = top.start(); !started) return started;
  context.run();
  return {};
}

}  // namespace bellwire::host
