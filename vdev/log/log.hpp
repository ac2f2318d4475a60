// SPDX-License-Identifier: BSD-3-Clause
//
// The library's log: lines on standard error, `bellwire: warning: …`. Never on a hot path; any
// thread.
//
// Whoever logs waits for nobody: a thread of the log's own writes the lines, so a standard error
// that nobody reads stops that thread alone. Then up to 512 lines wait, further ones are counted.
//
// A cause is a level and a format. Each gets at most five lines a second (ten in any one second,
// then); those left out are counted: "… and 123 more of these in 1 s: …". So a text that varies is
// an argument, and "{}" alone is no format for it.
//
// Lines are shown as escaped() does, and cut where they are longer than anybody wants to read.
#pragma once

#include <chrono>
#include <utility>

#include "vdev/os/text.hpp"

namespace bellwire::log {

enum class Level { debug, info, warning, error, off };

/// Lines of a lower level are left out from now on; at first those below `warning`.
void set_level(Level level) noexcept;
[[nodiscard]] bool wanted(Level level) noexcept;

/// Whether one more line of this cause may be written now; counts it if not.
[[nodiscard]] bool admitted(Level level, std::string_view cause) noexcept;
/// For a line that was admitted.
void write(Level level, std::string_view cause, std::string_view line) noexcept;

/// A line without a level, whatever the level and the rate are: why a program ends.
void say(std::string_view line) noexcept;

/// Waits until all is written, counts of lines left out too, and begins to count anew. False:
/// `patience` passed first. At the process's exit this happens by itself, with a second.
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
