// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/retry.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <vector>

#include "vdev/testing/process.hpp"

using namespace bellwire;
using testing::LogCatcher;

namespace {

Error error_of(int code) {
  return {std::error_code(code, std::system_category()), text("failed with {}", code)};
}

// A loop that meets each error of `codes` and then works.
unsigned tries(const std::vector<int>& codes) {
  boost::asio::io_context context;
  Retry retry(context, "loop");
  unsigned tried = 0;
  std::function<void()> attempt = [&] {
    if (tried == codes.size()) return retry.worked();
    retry.after(error_of(codes[tried++]), attempt);
  };
  attempt();
  context.run();
  return tried;
}

}  // namespace

TEST_CASE("each error that may pass is gone past, and each cause is said once") {
  const LogCatcher log;
  CHECK(tries({EMFILE, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETOOMANYREFS}) == 6);
  CHECK(log.count("loop: failed with ") == 5);
  CHECK(log.count(text("failed with {}", EMFILE)) == 1);
}

TEST_CASE("after it worked the same error is a new one") {
  const LogCatcher log;
  CHECK(tries({EMFILE}) == 1);
  CHECK(tries({EMFILE}) == 1);
  CHECK(log.count("loop: failed with") == 2);
}

TEST_CASE("a retry that was stopped calls nothing any more") {
  boost::asio::io_context context;
  Retry retry(context, "loop");
  bool called = false;
  retry.after(error_of(EMFILE), [&] { called = true; });
  retry.stop();
  context.run();
  CHECK_FALSE(called);
}
