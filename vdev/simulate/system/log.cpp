// SPDX-License-Identifier: BSD-3-Clause
//
// In place of vdev/log: lines are notes of the world's, if it keeps any.
#include "vdev/log/log.hpp"

#include <iostream>

#include "vdev/simulate/world.hpp"

namespace bellwire::log {

using simulate::World;

void set_level(Level) noexcept {}

bool wanted(Level level) noexcept {
  const auto* const world = World::current();
  return level >= Level::info && world != nullptr && world->keeps_notes();
}

bool admitted(Level, std::string_view) noexcept {
  return true;
}

void write(Level, std::string_view, std::string_view line) noexcept {
  World::current()->note(std::string(line));
}

void say(std::string_view line) noexcept {
  std::cerr << "bellwire: " << line << '\n';
}

bool flush(std::chrono::milliseconds) noexcept {
  std::cerr.flush();
  return true;
}

}  // namespace bellwire::log
