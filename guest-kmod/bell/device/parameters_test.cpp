// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/device/parameters.hpp"

#include <doctest/doctest.h>

using namespace bell;

TEST_CASE("every value of a parameter has a name, and the name stands for it") {
  for (const auto wait : {Wait::read, Wait::poll, Wait::epoll})
    CHECK(chosen<Wait>({std::string(name_of(wait))}) == std::vector{wait});
  for (const auto kick : {Kick::ioctl, Kick::eventfd, Kick::direct})
    CHECK(chosen<Kick>({std::string(name_of(kick))}) == std::vector{kick});
  for (const auto worker : {BELLWIRE_WORKER_READ, BELLWIRE_WORKER_POLL, BELLWIRE_WORKER_CALLBACK})
    CHECK(chosen<bellwire_worker>({std::string(name_of(worker))}) == std::vector{worker});
  CHECK(name_of(BELLWIRE_WORKER_NONE) == "?");
}

TEST_CASE("chosen values are in the order of the table, each once") {
  CHECK(chosen<Wait>({"epoll", "read", "epoll"}) == std::vector{Wait::read, Wait::epoll});
  CHECK(chosen<Wait>({"poll", "all"}) == std::vector{Wait::read, Wait::poll, Wait::epoll});
  CHECK(chosen<Wait>({"none"}).empty());
  CHECK(chosen_devices({"sum", "all", "echo", "sum"}) ==
        std::vector<std::string>{"sum", "echo", "digest", "delay"});
  CHECK(names<LostHop>() == std::vector<std::string>{"kick", "call", "wake"});
}

TEST_CASE("a device has any name that fits into the device's line") {
  for (const auto* const right : {"echo", "sum", "my-device_2.0", "123456789012345"})
    CHECK(refuse_device_name(right).empty());
  for (const auto* const wrong : {"", "1234567890123456", "a b", "a\"b", "a\\b", "a\n"})
    CHECK(refuse_device_name(wrong).find("1 to 15 characters") != std::string::npos);
  CHECK(answer_of("digest") == Answer::digest);
  CHECK(answer_of("delay") == Answer::input);
  CHECK(answer_of("sum") == Answer::unknown);
}
