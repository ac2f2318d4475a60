// SPDX-License-Identifier: BSD-3-Clause
//
// What an exploration found, as text, as JSON, and as a trace. Any thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "vdev/explore/explorer.hpp"
#include "vdev/explore/scenes/scenes.hpp"

namespace bellwire::host {

struct Explored {
  const explore::SceneEntry* entry;
  std::unique_ptr<explore::Scene> scene;
  explore::Outcome outcome{};
  std::chrono::duration<double> time{};
};

[[nodiscard]] std::string scene_list();
[[nodiscard]] std::string as_text(const std::vector<Explored>& all);
[[nodiscard]] std::string as_json(const std::vector<Explored>& all);
/// The stories, as Chrome's trace events, which Perfetto opens: a step takes a microsecond.
[[nodiscard]] std::string as_trace_events(const std::vector<Explored>& all);

}  // namespace bellwire::host
