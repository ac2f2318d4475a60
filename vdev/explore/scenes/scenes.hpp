// SPDX-License-Identifier: BSD-3-Clause
//
// The scenes: what is explored of the product. A new one is a class, and a line in scenes.cpp.
#pragma once

#include <memory>
#include <span>

#include "vdev/explore/scene.hpp"

namespace bellwire::explore {

struct SceneEntry {
  const char* name;
  const char* promise;  ///< what must hold in each order: a clause
  std::unique_ptr<Scene> (*make)();
};

[[nodiscard]] std::span<const SceneEntry> scenes() noexcept;

std::unique_ptr<Scene> sleep_scene();            // ring_scenes.cpp
std::unique_ptr<Scene> full_ring_scene();        // likewise
std::unique_ptr<Scene> generation_scene();       // likewise
std::unique_ptr<Scene> restart_scene();          // likewise
std::unique_ptr<Scene> later_scene();            // later_scene.cpp
std::unique_ptr<Scene> masked_scene();           // masked_scene.cpp
std::unique_ptr<Scene> reading_worker_scene();   // worker_scene.cpp
std::unique_ptr<Scene> polling_worker_scene();   // likewise
std::unique_ptr<Scene> callback_worker_scene();  // likewise
std::unique_ptr<Scene> look_scene();             // look_scene.cpp

}  // namespace bellwire::explore
