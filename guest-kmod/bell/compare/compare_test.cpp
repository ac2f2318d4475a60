// SPDX-License-Identifier: BSD-3-Clause
//
// Each mechanism between two processes: what is lost, in which order it comes, what it carries.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "guest-kmod/bell/compare/measure/measure.hpp"
#include "guest-kmod/bell/compare/mechanisms/ipc_objects.hpp"
#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"
#include "guest-kmod/bell/compare/report/result.hpp"

using namespace bell::compare;

namespace {

constexpr std::uint64_t count = 2'000;
const RoundPlan plan{.count = count, .sender_cpu = 0, .receiver_cpu = 0};

// io_uring may be forbidden here, the loopback device down.
bool unavailable(const Mechanism& mechanism) {
  return !mechanism.make()->open();
}

// What outlives a process: each object of System V by its line without the times, and each FIFO.
std::multiset<std::string> leftovers() {
  std::multiset<std::string> all;
  for (const auto* const kind : {"msg", "sem"}) {
    std::ifstream file(bellwire::text("/proc/sysvipc/{}", kind));
    std::string key, id;
    for (std::string line; file >> key >> id && std::getline(file, line);)
      all.insert(bellwire::text("{} {}", kind, id));
  }
  for (const auto& entry : std::filesystem::directory_iterator("/tmp"))
    if (const auto name = entry.path().filename().string(); name.starts_with("bell-fifo-"))
      all.insert(name);
  return all;
}

}  // namespace

TEST_CASE("nothing is left behind, by the set-up that is traced either") {
  const auto before = leftovers();
  for (const auto* const name : {"System V message queue", "System V semaphore", "FIFO"}) {
    CAPTURE(name);
    const auto all = user_to_user();
    const auto mechanism =
        std::ranges::find_if(all, [&](const Mechanism& row) { return row.name.starts_with(name); });
    REQUIRE(mechanism != all.end());
    auto first = plan;
    first.first_round = true;
    const auto figures = measure(*mechanism, first);
    REQUIRE(figures.has_value());
    CHECK(figures->setup.calls > 0);
    CHECK(leftovers() == before);
  }
}

TEST_CASE("nothing is left behind by a process that a signal ends") {
  const auto before = leftovers();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    CAPTURE(number);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      std::signal(number, SIG_DFL);
      remove_system_v_objects_at_signals();
      for (const auto& mechanism : user_to_user())
        static_cast<void>(mechanism.make().release()->open());
      ::raise(number);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(leftovers() == before);
  }
}

TEST_CASE("one at a time nothing is lost; in a burst only what may be") {
  for (const auto& mechanism : user_to_user()) {
    CAPTURE(std::string(mechanism.name));
    if (unavailable(mechanism)) continue;
    const auto figures = measure(mechanism, plan);
    REQUIRE(figures.has_value());
    CHECK(figures->latency.count == plan.singles());
    REQUIRE(figures->burst.has_value());
    CHECK(figures->burst->sent == plan.burst());
    if (!mechanism.traits.may_lose) CHECK(figures->burst->lost() == 0);
    CHECK(figures->burst->taken > 0);
    CHECK(figures->burst->waits <= figures->burst->taken);
  }
}

TEST_CASE("what carries data carries the right, in order") {
  unsigned with_data = 0;
  for (const auto& mechanism : user_to_user()) {
    CAPTURE(std::string(mechanism.name));
    if (unavailable(mechanism)) continue;
    const auto figures = measure(mechanism, plan);
    REQUIRE(figures.has_value());
    CHECK(figures->semantics.data_right);
    CHECK(figures->semantics.keeps_order.value_or(true));
    with_data += figures->semantics.carries_data ? 1 : 0;
  }
  CHECK(with_data >= 8);
}

TEST_CASE("an eventfd merges what nobody read yet, as a semaphore it doesn't") {
  for (const auto& [name, first] : {std::pair("eventfd, read", 3U), {"eventfd, semaphore", 1U}}) {
    const auto channel = make_channel(name);
    REQUIRE(channel->open().has_value());
    for (std::uint64_t number = 1; number <= 3; ++number) CHECK(channel->send(number));
    std::uint64_t number = 0;
    CHECK(channel->wait({&number, 1}).count == first);
  }
}

TEST_CASE("a set-up takes calls") {
  for (const auto& mechanism : user_to_user()) {
    CAPTURE(std::string(mechanism.name));
    if (unavailable(mechanism)) continue;
    const auto figures = measure(mechanism, RoundPlan{.count = 10});
    REQUIRE(figures.has_value());
    CHECK(figures->setup.calls >= 2);
  }
}

TEST_CASE("every row's code is found in the sources") {
  const auto found = [](std::string_view places) {
    while (!places.empty()) {
      const auto end = places.find(' ');
      CAPTURE(std::string(places.substr(0, end)));
      CHECK(lines_of(places.substr(0, end)) > 2);
      places.remove_prefix(end == places.npos ? places.size() : end + 1);
    }
  };
  for (const auto& mechanism : user_to_user()) found(mechanism.source);
  for (const auto& mechanism : with_kernel()) {
    found(mechanism.user_source);
    found(mechanism.kernel_source);
  }
}

TEST_CASE("lines are counted from a definition to its end, without comments") {
  constexpr std::string_view text =
      "int f(void);\n\n// f\nint f(void)\n{\n\t/* why */\n\n\tg();\n}\nint g(void)\n{\n}\n";
  CHECK(lines_of("f", text) == 4);
  CHECK(lines_of("g", text) == 3);
  CHECK(lines_of("h", text) == 0);
}
