// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/pace.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include "vdev/os/fd.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using steps::Pace;

namespace {

struct Pair {
  os::UniqueFd input, far;
};

Pair make_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  return {os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

void type(const Pair& pair, std::string_view words) {
  REQUIRE(::write(pair.far.get(), words.data(), words.size()) ==
          static_cast<ssize_t>(words.size()));
}

}  // namespace

TEST_CASE("a time is read with its unit, and refused with what is allowed") {
  CHECK(steps::parse_every("1s").value() == 1000ms);
  CHECK(steps::parse_every("2").value() == 2000ms);
  CHECK(steps::parse_every("0.5s").value() == 500ms);
  CHECK(steps::parse_every("10ms").value() == 10ms);
  for (const auto* const word : {"0", "9ms", "3601s", "-1s", "", "s", "1m", "nan", "1s "}) {
    CAPTURE(word);
    const auto refused = steps::parse_every(word);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("choose a time from 10ms to 3600s") != std::string::npos);
  }
}

TEST_CASE("without a terminal each line is a sign, and its end means run") {
  auto lines = make_pipe();
  Pace pace({}, lines.input.get());
  CHECK(pace.sign() == Pace::Sign::none);
  type(lines, "\n\nany");
  CHECK(pace.sign() == Pace::Sign::next);
  CHECK(pace.sign() == Pace::Sign::next);
  CHECK(pace.sign() == Pace::Sign::none);
  type(lines, "\nq\n");
  CHECK(pace.sign() == Pace::Sign::next);
  CHECK(pace.sign() == Pace::Sign::run);
  lines.far.reset();
  CHECK(pace.sign() == Pace::Sign::run);
}

TEST_CASE("on a terminal each key is a sign, and afterwards the terminal is as before") {
  int master = -1, slave = -1;
  REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
  const Pair terminal{os::UniqueFd(slave), os::UniqueFd(master)};
  termios before{}, during{}, after{};
  REQUIRE(::tcgetattr(slave, &before) == 0);
  {
    Pace pace({}, slave);
    REQUIRE(::tcgetattr(slave, &during) == 0);
    CHECK((during.c_lflag & (ICANON | ECHO)) == 0);
    CHECK((during.c_lflag & ISIG) != 0);
    type(terminal, " q");
    CHECK(pace.sign() == Pace::Sign::next);
    CHECK(pace.sign() == Pace::Sign::run);
    CHECK(pace.sign() == Pace::Sign::none);
  }
  REQUIRE(::tcgetattr(slave, &after) == 0);
  CHECK(after.c_lflag == before.c_lflag);
}

TEST_CASE("by time nothing is read") {
  auto lines = make_pipe();
  type(lines, "q\n");
  Pace pace(10ms, lines.input.get());
  CHECK(pace.fd() == -1);
  pace.held();
  while (pace.sign() == Pace::Sign::none) {
  }
  CHECK(pace.left() == 0ms);
  CHECK(pace.sign() == Pace::Sign::next);
}
