// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/explore/scenes/scenes.hpp"

namespace bellwire::explore {

std::span<const SceneEntry> scenes() noexcept {
  static constexpr SceneEntry all[] = {
      {"sleep", "neither side sleeps while there is work for it", sleep_scene},
      {"full-ring", "requests are answered in order, each once, also where the ring is full",
       full_ring_scene},
      {"generation", "after a reset nothing of the old generation is completed", generation_scene},
      {"restart", "a new start of the device completes what the last one had left", restart_scene},
      {"later", "requests that another thread completes are answered, each once", later_scene},
      {"masked", "no interrupt is lost while its line is masked and unmasked", masked_scene},
      {"read", "the module takes each kick once, also while one reading thread replaces another",
       reading_worker_scene},
      {"poll", "the same of threads that poll", polling_worker_scene},
      {"callback", "the same of callbacks in the eventfd's wait queue", callback_worker_scene},
      {"look", "the module's looks replace a doorbell and an interrupt that are lost", look_scene},
  };
  return all;
}

}  // namespace bellwire::explore
