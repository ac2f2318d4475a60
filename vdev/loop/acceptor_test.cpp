// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/acceptor.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using testing::LogCatcher;
using testing::NoDescriptors;
using testing::TemporaryFolder;

namespace {

struct Served {
  TemporaryFolder folder;
  boost::asio::io_context context;
  std::vector<os::UniqueFd> taken;
  std::optional<Acceptor> acceptor =
      Acceptor::create(context, os::Listener::create(folder.file("s")).value(), [this](auto came) {
        taken.push_back(std::move(came.socket));
      }).value();

  [[nodiscard]] os::UniqueFd knock() const {
    return os::connect_unix(folder.file("s"), "").value();
  }
  bool run_until_taken(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + testing::patience;
    while (taken.size() < count && std::chrono::steady_clock::now() < deadline)
      context.run_for(10ms);
    return taken.size() == count;
  }
};

}  // namespace

TEST_CASE("every connection is taken, those that came before anybody looked, too") {
  Served served;
  std::vector<os::UniqueFd> clients;
  for (int count = 0; count < 200; ++count) clients.push_back(served.knock());
  CHECK(served.run_until_taken(200));
  clients.push_back(served.knock());
  CHECK(served.run_until_taken(201));
}

TEST_CASE("without descriptors it pauses, says so once, and takes them all when there are some") {
  Served served;
  const LogCatcher log;
  std::vector<os::UniqueFd> clients;
  for (int count = 0; count < 5; ++count) clients.push_back(served.knock());
  {
    const NoDescriptors none;
    std::size_t handlers = 0;
    const auto end = std::chrono::steady_clock::now() + 300ms;
    while (std::chrono::steady_clock::now() < end) handlers += served.context.run_for(10ms);
    CHECK(served.taken.empty());
    CHECK(handlers < 100);  // a loop that is busy runs thousands
  }
  CHECK(served.run_until_taken(5));
  CHECK(log.count("it is tried again until it works") == 1);
  clients.push_back(served.knock());
  CHECK(served.run_until_taken(6));
}

TEST_CASE("an acceptor that is dropped accepts nobody, even while many wait") {
  Served served;
  std::vector<os::UniqueFd> clients;
  for (int count = 0; count < 3; ++count) clients.push_back(served.knock());
  served.acceptor.reset();
  served.context.poll();
  CHECK(served.taken.empty());
}
