// SPDX-License-Identifier: BSD-3-Clause
//
// Screen: what a person sees while a ring is held before a hop, in slow motion: where it is, what
// the eventfds and the words of the ring say at this moment, which line does the hop, and what it
// does. Plain text of at most 100 columns. One thread.
//
// The guest's bell uses it as well, so it needs no loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/core/step_gate.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::steps {

/// A ring is held here: the hop to that stage comes next.
struct Stop {
  bellwire_stage next = BELLWIRE_SUBMITTED;
  unsigned queue = 0;
  std::string file;  ///< below the root of the sources
  unsigned line = 0;
  std::string function;  ///< that does the hop

  bool operator==(const Stop&) const = default;
};

/// `path` below the root of the sources, wherever that was when they were compiled.
[[nodiscard]] std::string source_file(std::string_view path);

[[nodiscard]] Stop stop_at(const StepGate::Hop& hop);

/// What is seen at a stop. A name that is not in names() is not shown.
struct Value {
  std::string name;
  std::uint64_t now;

  bool operator==(const Value&) const = default;
};
using Values = std::vector<Value>;

/// Indices and event words of the queue, as they are now.
[[nodiscard]] Values values_of(const ring::Queue& queue);

/// Adds the eventfd's count, as /proc shows it; nothing if `fd` is none.
void add_count(Values& values, std::string_view name, int fd);

/// {"next": STAGE, "queue": 0, "file": FILE, "line": 1, "function": NAME}; null without a stop.
[[nodiscard]] std::string json_of(const std::optional<Stop>& stop);
/// {NAME: NUMBER, …}.
[[nodiscard]] std::string json_of(const Values& values);

class Screen {
 public:
  struct Look {
    bool colour = false;
    bool clear = false;  ///< the terminal, first
    bool keys = true;    ///< says which there are
  };
  /// Of standard output: colours and clearing only on a terminal, no colours with NO_COLOR.
  [[nodiscard]] static Look look_of_output(bool keys);

  explicit Screen(Look look) noexcept : look_(look) {}

  /// What has changed since the last drawing is marked.
  [[nodiscard]] std::string draw(const Stop& stop, const Values& values);

 private:
  [[nodiscard]] std::string bold(std::string_view words, std::string_view colour) const;
  [[nodiscard]] std::string path(const Stop& stop) const;
  [[nodiscard]] std::string table(const Values& values) const;
  [[nodiscard]] std::string shown(const Value& value) const;

  const Look look_;
  Values before_;
};

}  // namespace bellwire::steps
