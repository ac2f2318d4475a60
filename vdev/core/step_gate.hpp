// SPDX-License-Identifier: BSD-3-Clause
//
// StepGate: holds a ring device in slow motion, hop by hop, until a person lets each hop happen. An
// attachment has one only in slow motion (vdev/steps/stepper.hpp).
#pragma once

#include <string_view>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire {

/// Where a call stands; as the default of a parameter, where the caller is. Older compilers lack
/// std::source_location.
struct SourceLine {
  const char* file;
  unsigned line;

  static constexpr SourceLine here(const char* file = __builtin_FILE(),
                                   unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

class StepGate {
 public:
  /// A hop, and the line that holds it.
  struct Hop {
    unsigned queue;
    bellwire_stage stage;       ///< that it reaches
    std::string_view function;  ///< that does it, a literal; named in that line
    SourceLine line;
  };

  virtual ~StepGate() = default;

  /// For a thread that may wait, a driver's: returns once the hop may happen. False: it was told to
  /// give up.
  [[nodiscard]] virtual bool waits(const Hop& hop) = 0;
  /// Tells it so. From any thread.
  virtual void stop() noexcept = 0;

  /// Whether the hop may happen now. False: it is held; once it may happen, whoever opens the gate
  /// calls Device::on_poll(queue). On the device's thread; never waits.
  [[nodiscard]] bool opens(unsigned queue, bellwire_stage stage, std::string_view function,
                           SourceLine line = SourceLine::here()) noexcept {
    return may_pass({queue, stage, function, line});
  }

 private:
  [[nodiscard]] virtual bool may_pass(const Hop& hop) noexcept = 0;
};

}  // namespace bellwire
