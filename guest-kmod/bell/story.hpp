// SPDX-License-Identifier: BSD-3-Clause
//
// Story: KTAP, one line a promise; they read as the story.
#pragma once

#include <string>

#include "guest-kmod/bell/print.hpp"

namespace bell {

class Story {
 public:
  explicit Story(std::size_t promises) { print("KTAP version 1\n1..{}\n", promises); }

  void tell(bool true_so, const std::string& what) {
    good_ = good_ && true_so;
    print("{} {} {}\n", true_so ? "ok" : "not ok", ++told_, what);
  }
  /// Whether all were kept so far.
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  int told_ = 0;
  bool good_ = true;
};

}  // namespace bell
