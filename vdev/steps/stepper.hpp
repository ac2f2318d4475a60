// SPDX-License-Identifier: BSD-3-Clause
//
// Stepper: the gate of a device in slow motion, and of a driver in the same process. It keeps what
// is held, in the order in which it came; whoever shows that to a person lets the hops happen one
// by one, from any thread. The device's thread never waits for it: its ticks and registers go on.
// The driver's thread does.
//
// A device is attached to it, with its memory and wires (doorbells.hpp), while it runs.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/core/step_gate.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/steps/screen.hpp"

namespace bellwire::steps {

class Stepper final : public StepGate {
 public:
  /// What is seen of an attachment. The eventfds are duplicates.
  struct View {
    ring::Layout layout;
    std::vector<os::EventFd> doorbells;
    std::vector<Interrupt> interrupts;
  };
  /// Called on any thread; has the device's thread try that hop again, and then call tried().
  using Resume = std::function<void(const Hop& hop)>;

  // On the device's thread.
  void attach(View view, Resume resume);
  void detach();
  /// The hop was tried again. If nobody did it, its generation is over.
  void tried(const Hop& hop);

  // On any thread.
  /// What is held for the longest time, and what is seen there at this moment.
  struct Held {
    std::optional<Stop> stop;
    Values values;
    bool runs = false;  ///< nothing is held any more
  };
  [[nodiscard]] Held look() const;
  /// Lets that hop happen.
  void next();
  /// Lets all hops happen, from now on.
  void run();
  /// Likewise; a driver that waits gives up.
  void stop() noexcept override;

  [[nodiscard]] bool waits(const Hop& hop) override;

 private:
  struct Entry {
    Hop hop;
    bool waits = false;  // a thread does
    bool open = false;
  };
  bool may_pass(const Hop& hop) noexcept override;
  Entry* find(const Hop& hop);
  void erase(const Hop& hop);
  void forget_others(const Hop& hop);

  mutable std::mutex mutex_;  // of all that follows
  std::condition_variable opened_;
  std::vector<Entry> entries_;
  std::optional<View> view_;
  Resume resume_;
  bool runs_ = false, stopped_ = false;
};

}  // namespace bellwire::steps
