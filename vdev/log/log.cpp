// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/log/log.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <system_error>

#include "vdev/log/line_writer.hpp"

namespace bellwire::log {
namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned most_lines =
    5;  // per cause and window, including the one that counts those left out
constexpr std::chrono::seconds window{1};
constexpr std::chrono::seconds patience_at_exit{1};
constexpr std::size_t longest_line = 2000;  // bytes, before any is escaped

std::atomic<Level> least{Level::warning};

constexpr const char* names[] = {"debug", "info", "warning", "error"};

std::string cut(std::string_view line) {
  if (line.size() <= longest_line) return escaped(line);
  auto end = longest_line;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return escaped(line.substr(0, end)) + "…";
}

std::string with_level(Level level, std::string_view line) {
  return text("bellwire: {}: {}\n", names[static_cast<int>(level)], cut(line));
}

std::string said(std::string_view line) {
  return text("bellwire: {}\n", cut(line));
}

// Counts the lines of each cause.
class Log final : LineWriter::Clerk {
 public:
  Log() : writer_(*this) {
    std::atexit([] { static_cast<void>(flush(patience_at_exit)); });
  }

  bool admit(Level level, std::string_view cause) {
    const std::lock_guard lock(mutex_);
    auto& window_of = causes_[{level, std::string(cause)}];
    const auto now = Clock::now();
    if (now - window_of.since >= window) open(level, window_of, now);
    if (window_of.lines < most_lines) return ++window_of.lines, true;
    if (window_of.left_out++ == 0) writer_.call_at(window_of.since + window);
    return false;
  }

  void write(Level level, std::string_view cause, std::string_view line) {
    const std::lock_guard lock(mutex_);
    causes_[{level, std::string(cause)}].sample = line.substr(0, longest_line);
    writer_.put(with_level(level, line));
  }

  void say(std::string_view line) { writer_.put(said(line), true); }

  bool flush_all(std::chrono::milliseconds patience) {
    report_left_out(Clock::time_point::max());
    forget();
    return writer_.flush(patience);
  }

 private:
  struct Window {
    Clock::time_point since{};
    unsigned lines = 0;
    std::uint64_t left_out = 0;
    std::string sample;
  };

  void open(Level level, Window& old, Clock::time_point now) {
    const auto left_out = std::exchange(old.left_out, 0);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(now - old.since).count();
    old.since = now;
    old.lines = left_out > 0 ? 1 : 0;
    if (left_out > 0)
      writer_.put(with_level(
          level, text("… and {} more of these in {} s: {}", left_out, seconds, old.sample)));
  }

  // The writer calls it when a window is over.
  void on_time() override { report_left_out(Clock::now() - window); }

  // For the windows that began at `latest` or before.
  void report_left_out(Clock::time_point latest) {
    const std::lock_guard lock(mutex_);
    for (auto& [key, cause] : causes_)
      if (cause.left_out > 0 && cause.since <= latest) open(key.first, cause, Clock::now());
  }

  void forget() {
    const std::lock_guard lock(mutex_);
    causes_.clear();
  }

  std::mutex mutex_;  // locked before the writer's own
  std::map<std::pair<Level, std::string>, Window> causes_;
  LineWriter writer_;
};

// Never destroyed: its thread may write until the very end.
Log& the_log() {
  static Log& log = *new Log;
  return log;
}

}  // namespace

void set_level(Level level) noexcept {
  least = level;
}

bool wanted(Level level) noexcept {
  return level >= least.load(std::memory_order_relaxed);
}

// Without memory or a thread for it, the line is dropped: nothing else fails.
bool admitted(Level level, std::string_view cause) noexcept try {
  return the_log().admit(level, cause);
} catch (const std::exception&) {
  return false;
}

void write(Level level, std::string_view cause, std::string_view line) noexcept try {
  the_log().write(level, cause, line);
} catch (const std::exception&) {
}

// The program ends for that reason, so it is said also without a thread.
void say(std::string_view line) noexcept try {
  the_log().say(line);
} catch (const std::system_error&) {
  write_at_once(STDERR_FILENO, said(line), patience_at_exit);
} catch (const std::exception&) {
}

bool flush(std::chrono::milliseconds patience) noexcept try {
  return the_log().flush_all(patience);
} catch (const std::exception&) {
  return false;
}

}  // namespace bellwire::log
