// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/dropping.hpp"

#include <doctest/doctest.h>

#include <boost/asio/post.hpp>

using namespace bellwire;

namespace {

// An attachment with one interrupt, and where that goes.
struct DroppedLine {
  os::EventFd out = os::EventFd::create().value();
  Attachment attachment{.doorbells = {},
                        .interrupts = {InterruptLine(out.duplicate().value()).interrupt()},
                        .memory = {}};
  boost::asio::io_context context;

  std::optional<Dropping> lose(std::uint64_t number) {
    const DropPlan plan{DropPlan::Wire::interrupt, number};
    return Dropping::start(context, attachment, plan).value();
  }
  std::uint64_t came() {
    context.restart();
    context.poll();
    return out.drain().value_or(0);
  }
};

}  // namespace

TEST_CASE("the one that was chosen is lost, and no other") {
  DroppedLine line;
  const auto dropping = line.lose(3);
  for (const std::uint64_t expected : {1U, 1U, 0U, 1U, 1U}) {
    line.attachment.interrupts[0].raise();
    CHECK(line.came() == expected);
  }
}

TEST_CASE("what it has not passed on when it ends goes out") {
  for (const bool taken : {false, true}) {
    CAPTURE(taken);
    DroppedLine line;
    auto dropping = line.lose(9);
    if (taken) boost::asio::post(line.context, [&dropping] { dropping.reset(); });
    line.attachment.interrupts[0].raise();
    if (taken) line.context.poll();
    dropping.reset();
    CHECK(line.came() == 1);
  }
}
