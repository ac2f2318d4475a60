// SPDX-License-Identifier: BSD-3-Clause
//
// KtapChecks: the checks that a subcommand makes, as a KTAP report; their names, one after the
// other, say what happens. For one thread.
#pragma once

#include <string>

#include "guest-kmod/selftest/ktap.h"

namespace bell {

class KtapChecks {
 public:
  explicit KtapChecks(std::size_t planned) : report_(ktap_begin(static_cast<unsigned>(planned))) {}

  void check(bool passed, const std::string& name) { ktap_result(&report_, passed, name.c_str()); }
  /// Whether all passed so far.
  [[nodiscard]] bool good() const noexcept { return report_.failed == 0; }

 private:
  ktap report_;
};

}  // namespace bell
