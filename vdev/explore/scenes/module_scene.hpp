// SPDX-License-Identifier: BSD-3-Clause
//
// ModuleScene: a queue whose driver has the kernel module's code between itself and the device, as
// in a guest.
#pragma once

#include "vdev/explore/scenes/ring_scene.hpp"

namespace bellwire::explore {

class ModuleScene : public RingScene {
 public:
  /// The module has written the doorbell. On any actor.
  virtual void ring_device() = 0;

  /// Which of the module's threads the running actor is, from 0 on.
  [[nodiscard]] static unsigned thread_number() noexcept;
  /// The scene that runs; its doorbell is the module's.
  [[nodiscard]] static ModuleScene& current() noexcept;

 protected:
  static constexpr unsigned first_thread = 2;  // the actor that is the module's first thread

  ModuleScene() = default;

  /// Blank memory, a bound line, a module that has claimed the queue.
  void reset();
};

}  // namespace bellwire::explore
