// SPDX-License-Identifier: BSD-3-Clause
//
// Pace: what lets a hop happen in slow motion: a key on a terminal, a line of standard input if it
// is none, or time. While it lives, a terminal gives each key at once, and doesn't show it; so it
// must be dropped before the program ends. One thread.
#pragma once

#include <termios.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "vdev/os/result.hpp"

namespace bellwire::steps {

/// "1s", "250ms" or "2" (seconds); 10 ms to an hour. EINVAL, with what is allowed.
[[nodiscard]] Result<std::chrono::milliseconds> parse_every(const std::string& word);

class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Sign { none, next, run };  ///< run: nothing is held any more

  /// Reads from `input`, unless hops come by time.
  explicit Pace(std::optional<std::chrono::milliseconds> every, int input = 0);
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;
  ~Pace();

  [[nodiscard]] bool by_keys() const noexcept { return !every_; }
  /// To be waited for; -1: nothing is read.
  [[nodiscard]] int fd() const noexcept { return every_ ? -1 : input_; }
  /// The time until a sign is due; empty without --every.
  [[nodiscard]] std::optional<std::chrono::milliseconds> left() const;

  /// A hop is held from now on.
  void held() noexcept { since_ = Clock::now(); }
  /// What has come since. Never waits. The end of the input means run.
  [[nodiscard]] Sign sign();

 private:
  [[nodiscard]] Sign of(char letter) noexcept;

  const std::optional<std::chrono::milliseconds> every_;
  const int input_;
  Clock::time_point since_ = Clock::now();
  std::optional<termios> before_;  // of a terminal
  bool runs_ = false;              // the line that is being read says so
};

}  // namespace bellwire::steps
