// SPDX-License-Identifier: BSD-3-Clause
//
// What an exploration found, as text and as JSON. Any thread.
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

}  // namespace bellwire::host
