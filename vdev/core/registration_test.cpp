// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/registration.hpp"

#include <doctest/doctest.h>

#include <optional>

using namespace bellwire;

TEST_CASE("a callback is called as long as its registration is held") {
  Callbacks<int> callbacks;
  int sum = 0;
  {
    const auto held = callbacks.add([&sum](int more) { sum += more; });
    callbacks.call(3);
    callbacks.call(4);
  }
  callbacks.call(100);
  CHECK(sum == 7);
}

TEST_CASE("a registration that is replaced unregisters what it held") {
  Callbacks<> callbacks;
  int first = 0, second = 0;
  auto held = callbacks.add([&first] { ++first; });
  held = callbacks.add([&second] { ++second; });
  callbacks.call();
  CHECK(first == 0);
  CHECK(second == 1);
  held.drop();
  callbacks.call();
  CHECK(second == 1);
}

TEST_CASE("a callback may drop its own registration, and another's") {
  Callbacks<> callbacks;
  std::optional<Registration> one, other;
  auto captured = std::make_shared<int>(0);
  one = callbacks.add([&one, &other, captured] {
    one.reset();
    other.reset();
    ++*captured;  // what it captured is still there
  });
  other = callbacks.add([captured] { *captured += 100; });
  callbacks.call();
  callbacks.call();
  CHECK(*captured == 1);
  CHECK(captured.use_count() == 1);
}

TEST_CASE("a callback may register another, which is called from the next time on") {
  Callbacks<> callbacks;
  std::vector<Registration> held;
  int calls = 0;
  held.push_back(callbacks.add([&] {
    ++calls;
    if (held.size() == 1) held.push_back(callbacks.add([&calls] { calls += 10; }));
  }));
  callbacks.call();
  CHECK(calls == 1);
  callbacks.call();
  CHECK(calls == 12);
}

TEST_CASE("a registration may outlive the side that calls") {
  auto callbacks = std::make_unique<Callbacks<>>();
  const auto held = callbacks->add([] {});
  callbacks.reset();
}
