// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/tap_port.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "vdev/devices/net/lan.hpp"
#include "vdev/testing/frames.hpp"
#include "vdev/testing/loop.hpp"

using namespace bellwire;
using namespace bellwire::net;
using namespace bellwire::testing;

namespace {

constexpr const char* tap_name = "bellwire-tap";

// Runs the test in a thread that has a network of its own, where nothing is but what it makes.
// Where that is not allowed, or there are no taps, it runs nothing, and says so.
template <class Test>
void in_own_network(Test test) {
  std::thread([&] {
    if (::access("/dev/net/tun", R_OK | W_OK) == 0 && ::unshare(CLONE_NEWNET) == 0) return test();
    MESSAGE("skipped: no network of its own, or no /dev/net/tun: " << std::strerror(errno));
  }).join();
}

void set_flags(short flags) {
  const os::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, tap_name);
  request.ifr_flags = flags;
  REQUIRE(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0);
}

struct OtherPort final : Port {
  [[nodiscard]] bool deliver(std::span<const std::byte> frame) noexcept override {
    got.emplace_back(frame.begin(), frame.end());
    return true;
  }
  std::vector<std::vector<std::byte>> got;
};

std::string refusal(const std::string& wanted) {
  const auto tap = os::Tap::open(wanted);
  return tap ? "" : tap.error().message;
}

}  // namespace

TEST_CASE("what can't be a tap's name is refused with the remedy") {
  for (const auto* wrong : {"", "sixteen-letters-", "a/b", "a b", "..", "tap%d"})
    CHECK(refusal(wrong).find("choose one of up to 15") != std::string::npos);
}

TEST_CASE("a tap is made, and names what is in its way") {
  in_own_network([] {
    CHECK(refusal("lo").find("is an interface that is no tap") != std::string::npos);
    const auto tap = os::Tap::open(tap_name).value();
    CHECK(refusal(tap_name).find("another process has the tap 'bellwire-tap'") !=
          std::string::npos);
  });
}

TEST_CASE("frames go to the machine and come from it") {
  in_own_network([] {
    Loop loop;
    Switch net(2);
    OtherPort other;
    auto seat = std::move(*net.join(other));
    const auto port = TapPort::create(loop.context, net, os::Tap::open(tap_name).value()).value();
    const auto sent = frame(everybody, station(1));
    seat.send(sent, Clock::now());  // the interface is down
    CHECK(port.counts().dropped == 1);
    set_flags(IFF_UP);
    seat.send(sent, Clock::now());
    CHECK(port.counts().delivered == 1);
    // Once it is up, the kernel looks for neighbours.
    CHECK(loop.run_until([&] { return !other.got.empty(); }));
    CHECK(port.counts().received == other.got.size());
  });
}

TEST_CASE("a lan has its cards and its tap, and all ends with the last card") {
  in_own_network([] {
    Loop loop;
    const auto first = MacAddress::parse("52:54:00:00:00:ff");
    auto cards = create_lan(loop.context, {.cards = 2, .first = first, .tap = tap_name}).value();
    REQUIRE(cards.size() == 2);
    MacAddress second;
    cards[1]->read_config(0, std::as_writable_bytes(std::span(second.bytes)));
    CHECK(to_text(second) == "52:54:00:00:01:00");
    cards.erase(cards.begin());
    loop.run();
    CHECK(refusal(tap_name).find("another process has the tap") != std::string::npos);
    cards.clear();
    loop.run();
    CHECK(refusal(tap_name).empty());
  });
}
