// SPDX-License-Identifier: BSD-3-Clause
//
// The real programs: a switchboard, and a device that is killed in full traffic and started again,
// while this process plays the guest.
#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/ivshmem/peer.hpp"

using namespace bellwire;
using bellwire::testing::Driver;

namespace {

/// A `bellwire` process; killed with the object.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
    arguments_.insert(arguments_.begin(), BELLWIRE_PROGRAM);
    start();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { kill(); }

  void start() {
    std::vector<char*> words;
    for (auto& argument : arguments_) words.push_back(argument.data());
    words.push_back(nullptr);
    REQUIRE(::posix_spawn(&pid_, words[0], nullptr, nullptr, words.data(), environ) == 0);
  }

  void kill() const {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  std::vector<std::string> arguments_;
  pid_t pid_ = -1;
};

void wait_for(const std::string& path) {
  for (int waits = 0; waits < 2000 && !std::filesystem::exists(path); ++waits)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(std::filesystem::exists(path));
}

constexpr std::uint32_t depth = 64;

// Request `number` carries itself; each one under way has its own room: input, then output.
struct Room {
  explicit Room(std::uint64_t number)
      : input(static_cast<std::uint32_t>(number % depth * 2 * sizeof number)),
        output(input + static_cast<std::uint32_t>(sizeof number)) {}
  std::uint32_t input, output;
};

void submit(Driver& driver, std::uint64_t number) {
  const Room room(number);
  std::memcpy(&driver.queue().payload()[room.input], &number, sizeof number);
  bellwire_request request{};
  request.cookie = number;
  request.input_offset = room.input;
  request.output_offset = room.output;
  request.input_length = request.output_length = sizeof number;
  REQUIRE(driver.queue().submit(request));
}

std::uint64_t answer(Driver& driver, std::uint64_t number) {
  std::uint64_t found = 0;
  std::memcpy(&found, &driver.queue().payload()[Room(number).output], sizeof found);
  return found;
}

}  // namespace

TEST_CASE("20 times killed at depth 64: every request is completed once, in order") {
  constexpr int kills = 20;
  constexpr std::uint64_t between = 1000;  // completions
  const testing::TemporaryFolder folder;
  const auto path = folder.file("socket");
  const Program switchboard({"switchboard", "--socket", path});
  wait_for(path);
  Program device({"device", "echo", "--on", "ivshmem:" + path});
  boost::asio::io_context context;
  const auto guest = ivshmem::Peer::connect(context, {.path = path, .guest = true}).value();
  Driver driver(testing::guest_end(guest->attach().value()), 0);
  driver.wait_until_served();

  std::uint64_t submitted = 0;
  std::uint32_t last_incarnation = 0;
  for (std::uint64_t expected = 0; expected < (kills + 1) * between; ++expected) {
    while (driver.queue().in_flight() < depth) submit(driver, submitted++);
    driver.publish();
    if (expected % between == between - 1 && expected / between < kills) {
      device.kill();
      device.start();
    }
    const auto completion = driver.wait_for_completion();
    REQUIRE(completion.cookie == expected);
    REQUIRE(completion.status == BELLWIRE_DONE);
    REQUIRE(answer(driver, expected) == expected);
    last_incarnation = completion.incarnation;
  }
  CHECK(last_incarnation == kills + 1);
}
