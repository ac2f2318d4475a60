// SPDX-License-Identifier: BSD-3-Clause
//
// RunLog: what happened in a run of a scenario, a sentence each, with the time since it began. One
// thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace bellwire::host {

class RunLog {
 public:
  struct Line {
    std::chrono::duration<double, std::micro> at;
    std::string who;
    std::string what;
  };

  void tell(std::string who, std::string what) {
    lines_.push_back({std::chrono::steady_clock::now() - begin_, std::move(who), std::move(what)});
  }
  [[nodiscard]] const std::vector<Line>& lines() const noexcept { return lines_; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::vector<Line> lines_;
};

}  // namespace bellwire::host
