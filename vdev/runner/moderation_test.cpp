// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/moderation.hpp"

#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <optional>

using namespace bellwire;
using namespace std::chrono_literals;

namespace {

// An attachment with one interrupt, and where that goes.
struct Line {
  os::EventFd out = os::EventFd::create().value();
  Attachment attachment{.doorbells = {},
                        .interrupts = {InterruptLine(out.duplicate().value()).interrupt()},
                        .memory = {}};
  boost::asio::io_context context;

  void raise() { attachment.interrupts[0].raise(); }
  // Drains what has gone out so far.
  std::uint64_t came() {
    context.poll();
    return out.drain().value_or(0);
  }
};

}  // namespace

TEST_CASE("the first interrupt goes out at once, those that follow too soon once and later") {
  Line line;
  const auto moderation = Moderation::start(line.context, line.attachment, 50ms).value();
  line.raise();
  CHECK(line.came() == 1);
  for (int i = 0; i < 5; ++i) line.raise();
  const auto before = line.came();  // 0, but on a machine that stood still
  while (!line.out.wait(0ms) && before == 0) line.context.run_one();
  CHECK(before + line.came() == 1);
}

TEST_CASE("interrupts that are raised before anybody looks go out as one") {
  Line line;
  const auto moderation = Moderation::start(line.context, line.attachment, 1ms).value();
  for (int i = 0; i < 5; ++i) line.raise();
  CHECK(line.came() == 1);
}

TEST_CASE("what is held back when it ends goes out") {
  for (const bool looked : {false, true}) {
    CAPTURE(looked);
    Line line;
    {
      const auto moderation = Moderation::start(line.context, line.attachment, 1h).value();
      line.raise();
      CHECK(line.came() == 1);
      line.raise();
      if (looked) CHECK(line.came() == 0);
    }
    CHECK(line.came() == 1);
  }
}

// The loop has read the count, and has not called anybody yet: so it is when what is handled just
// before stops the moderation.
TEST_CASE("what the loop has taken but not passed on goes out when it ends") {
  Line line;
  auto moderation = std::optional(Moderation::start(line.context, line.attachment, 1h).value());
  line.raise();
  boost::asio::post(line.context, [&moderation] { moderation.reset(); });
  line.raise();
  line.context.poll();
  CHECK_FALSE(moderation);
  CHECK(line.came() == 1);
}

TEST_CASE("no time moderates nothing") {
  Line line;
  const auto moderation = Moderation::start(line.context, line.attachment, 0ms).value();
  for (int i = 0; i < 3; ++i) line.raise();
  CHECK(line.out.drain() == 3);
}

TEST_CASE("an interrupt that nobody raised never comes") {
  Line line;
  { const auto moderation = Moderation::start(line.context, line.attachment, 1ms).value(); }
  CHECK(line.came() == 0);
}

TEST_CASE("each interrupt has a time of its own") {
  Line line, other;
  line.attachment.interrupts.push_back(other.attachment.interrupts[0]);
  const auto moderation = Moderation::start(line.context, line.attachment, 1h).value();
  line.raise();
  CHECK(line.came() == 1);
  line.attachment.interrupts[1].raise();
  line.context.poll();
  CHECK(other.out.drain() == 1);
}
