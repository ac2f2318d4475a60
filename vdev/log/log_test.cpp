// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/log/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>
#include <thread>

#include "vdev/log/line_writer.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using testing::LogCatcher;

namespace {

struct NoClerk final : log::LineWriter::Clerk {
  void on_time() override {}
};

// A pipe that nobody reads yet, and a writer to it. The writer lives as long as its thread: for
// ever.
struct Unread {
  std::array<int, 2> ends = [] {
    std::array<int, 2> made{};
    REQUIRE(::pipe2(made.data(), O_CLOEXEC) == 0);
    return made;
  }();
  NoClerk& clerk = *new NoClerk;
  log::LineWriter& writer = *new log::LineWriter(clerk, ends[1]);

  // Until a line has `words`.
  std::string read_until(std::string_view words) const {
    std::string all;
    std::array<char, 4096> part{};
    while (all.find(words) == all.npos || all.back() != '\n') {
      const auto size = ::read(ends[0], part.data(), part.size());
      REQUIRE(size > 0);
      all.append(part.data(), static_cast<std::size_t>(size));
    }
    return all;
  }
};

}  // namespace

TEST_CASE("a cause gets a few lines per second, and a count of the rest; another cause its own") {
  const LogCatcher log;
  for (int times = 0; times < 1000; ++times) log::warning("flood {}", times);
  log::warning("a drop");
  CHECK(log.count("bellwire: warning: flood ") <= 10);
  CHECK(log.count("warning: flood 0\n") == 1);
  CHECK(log.count("bellwire: warning: a drop\n") == 1);
  CHECK(log.count("more of these in 1 s: flood") == 1);
}

TEST_CASE("the count of what was left out comes by itself, and is right") {
  const LogCatcher log;
  for (int times = 0; times < 105; ++times) log::warning("alone {}", times);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  std::string lines;
  while (std::chrono::steady_clock::now() < deadline && lines.find("… and") == lines.npos) {
    std::this_thread::sleep_for(20ms);
    lines = log.text();
  }
  CHECK(log.count("… and 100 more of these") == 1);
}

TEST_CASE("lines below the level are left out, and are not counted") {
  const LogCatcher log;
  for (int times = 0; times < 20; ++times) log::info("detail");
  CHECK(log.text().empty());
  log::set_level(log::Level::info);
  log::info("detail");
  log::set_level(log::Level::warning);
  CHECK(log.text() == "bellwire: info: detail\n");
}

TEST_CASE("what others wrote can't forge a line, steer the terminal, or fill the log") {
  const LogCatcher log;
  log::warning("path '{}'", "a\nbellwire: b\x1b[2J\x07");
  CHECK(log.text() == "bellwire: warning: path 'a\\nbellwire: b\\x1b[2J\\x07'\n");
  log::say(std::string(100'000, 'x'));
  CHECK(log.text().size() < 3000);
}

TEST_CASE("whoever logs never waits for whoever should read; what didn't fit is counted") {
  const Unread unread;
  const std::string line(1000, 'x');
  for (int times = 0; times < 5000; ++times) unread.writer.put(line + "\n");
  CHECK_FALSE(unread.writer.flush(0ms));
  CHECK((::fcntl(unread.ends[1], F_GETFL) & O_NONBLOCK) == 0);
  const auto all = unread.read_until("which were dropped because nobody read standard error");
  CHECK(all.size() > 512 * line.size());
  CHECK(all.size() < 1000 * line.size());
  CHECK(unread.writer.flush(20s));
}

TEST_CASE("a reader that has gone costs its lines, and nothing else") {
  const Unread unread;
  ::close(unread.ends[0]);
  for (int times = 0; times < 100; ++times) unread.writer.put("nobody\n");
  CHECK(unread.writer.flush(20s));
}
