// SPDX-License-Identifier: BSD-3-Clause
//
// What a mechanism costs before the first notification, and after the last.
#pragma once

#include <functional>
#include <memory>

#include "guest-kmod/bell/compare/figures.hpp"
#include "vdev/os/result.hpp"

namespace bell::compare {

/// A mechanism from nothing to its first notification, and back.
class Beginning {
 public:
  virtual ~Beginning() = default;

  /// What only the measurement needs; not timed.
  [[nodiscard]] virtual bellwire::Result<void> prepare() { return {}; }
  [[nodiscard]] virtual bellwire::Result<void> first_notification() = 0;
  virtual void take_down() = 0;
};

/// The times are those of some runs, in this process, which plays both ends. With `calls`, the
/// system calls are counted, too: those of a child that is traced while it does the same.
[[nodiscard]] bellwire::Result<Setup> measure_setup(
    const std::function<std::unique_ptr<Beginning>()>& make, bool calls);

}  // namespace bell::compare
