// SPDX-License-Identifier: BSD-3-Clause
//
// The library's log: lines on standard error, `bellwire: warning: …`. Never on a hot path; any
// thread.
//
// Logging never waits: a thread of its own writes the lines, so a standard error that nobody reads
// stops only that thread. Then up to 512 lines wait; further ones are counted.
//
// A cause is a level and a format. Each gets at most five lines per second on average (and so at
// most ten in any one second); those left out are counted: "… and 123 more of these in 1 s: …". So
// pass text that varies as an argument, and never use "{}" alone as the format.
//
// Lines are escaped by escaped(), and cut if they are too long.
#pragma once

#include <chrono>
#include <utility>

#include "vdev/os/text.hpp"

namespace bellwire::log {

enum class Level { debug, info, warning, error, off };

/// Lines of a lower level are left out from now on; initially those below `warning`.
void set_level(Level level) noexcept;
[[nodiscard]] bool wanted(Level level) noexcept;

/// Whether another line of this cause may be written now; otherwise it is counted.
[[nodiscard]] bool admitted(Level level, std::string_view cause) noexcept;
/// Writes a line that admit() has let pass.
void write(Level level, std::string_view cause, std::string_view line) noexcept;

/// A line without a level, regardless of level and rate: the reason that a program ends.
void say(std::string_view line) noexcept;

/// Waits until everything is written, including the counts of lines left out, and resets those
/// counts. False: `patience` passed first. Called at the process's exit, with a patience of one
/// second.
bool flush(std::chrono::milliseconds patience) noexcept;

template <class... Args>
void log(Level level, fmt::format_string<Args...> format, Args&&... args) {
  const fmt::string_view words = format;
  const std::string_view cause(words.data(), words.size());
  if (wanted(level) && admitted(level, cause))
    write(level, cause, text(format, std::forward<Args>(args)...));
}

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  log(Level::info, format, std::forward<Args>(args)...);
}

template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  log(Level::warning, format, std::forward<Args>(args)...);
}

}  // namespace bellwire::log
