// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/pace.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace bellwire::steps {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds least{10}, most{3'600'000};

}  // namespace

Result<milliseconds> parse_every(const std::string& word) {
  double number = 0;
  const auto* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const double ms = unit == "ms" ? number : number * 1000;
  if (error != std::errc() || !(unit.empty() || unit == "s" || unit == "ms") ||
      !(ms >= static_cast<double>(least.count()) && ms <= static_cast<double>(most.count())))
    return fault(std::errc::invalid_argument,
                 "'{}': choose a time from 10ms to 3600s, such as 1s or 500ms", word);
  return milliseconds(static_cast<milliseconds::rep>(ms));
}

Pace::Pace(std::optional<milliseconds> every, int input) : every_(every), input_(input) {
  termios now{};
  if (every_ || ::tcgetattr(input_, &now) != 0) return;
  before_ = now;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(input_, TCSANOW, &now);
}

Pace::~Pace() {
  if (before_) ::tcsetattr(input_, TCSANOW, &*before_);
}

std::optional<milliseconds> Pace::left() const {
  if (!every_) return std::nullopt;
  const auto passed = std::chrono::floor<milliseconds>(Clock::now() - since_);
  return std::max(*every_ - passed, milliseconds(0));
}

Pace::Sign Pace::sign() {
  if (every_) return left() == milliseconds(0) ? Sign::next : Sign::none;
  pollfd entry{.fd = input_, .events = POLLIN, .revents = 0};
  while (::poll(&entry, 1, 0) == 1) {
    char letter = 0;
    if (::read(input_, &letter, 1) != 1) return Sign::run;
    if (const auto sign = of(letter); sign != Sign::none) return sign;
  }
  return Sign::none;
}

// On a terminal each key is a sign, otherwise each line.
Pace::Sign Pace::of(char letter) noexcept {
  const bool runs = letter == 'q' || letter == 'Q';
  if (before_) return runs ? Sign::run : Sign::next;
  if (letter != '\n') {
    runs_ = runs_ || runs;
    return Sign::none;
  }
  return std::exchange(runs_, false) ? Sign::run : Sign::next;
}

}  // namespace bellwire::steps
