// SPDX-License-Identifier: BSD-3-Clause
//
// Unfinished: while it lives, a signal that ends the process removes the file first. Signals that
// the program handles itself, or ignores, are left to it.
#pragma once

#include <atomic>

namespace bellwire::host {

class Unfinished {
 public:
  /// The name lives as long as this.
  explicit Unfinished(const char* name) noexcept;
  Unfinished(const Unfinished&) = delete;
  ~Unfinished();

 private:
  std::atomic<const char*>* place_ = nullptr;
};

}  // namespace bellwire::host
