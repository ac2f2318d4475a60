// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/switch.hpp"

#include <doctest/doctest.h>
#include <malloc.h>

#include <deque>
#include <vector>

#include "vdev/testing/frames.hpp"

using namespace bellwire::net;
using namespace bellwire::testing;
using namespace std::chrono_literals;

namespace {

constexpr Clock::time_point morning{1h};

struct FramePort final : Port {
  [[nodiscard]] bool deliver(std::span<const std::byte> bytes) noexcept override {
    if (room == 0) return false;
    --room;
    got.emplace_back(bytes.begin(), bytes.end());
    return true;
  }
  unsigned room = 1'000'000;
  std::vector<std::vector<std::byte>> got;
};

// Ports 0, 1, …, each with a station of that number.
struct Lan {
  explicit Lan(unsigned count = 3, std::uint16_t mtu = usual_mtu) : net(count, mtu), ports(count) {
    for (auto& port : ports) seats.push_back(std::move(*net.join(port)));
  }
  void send(unsigned from, const std::vector<std::byte>& bytes, Clock::time_point now = morning) {
    seats[from].send(bytes, now);
  }
  // How many frames each has got since the last time.
  std::vector<std::size_t> got() {
    std::vector<std::size_t> counts;
    for (auto& port : ports) counts.push_back(std::exchange(port.got, {}).size());
    return counts;
  }
  void learn_all() {
    for (unsigned from = 0; from < ports.size(); ++from)
      send(from, frame(everybody, station(from)));
    got();
  }

  Switch net;
  std::deque<FramePort> ports;
  std::vector<Switch::Seat> seats;
};

using Counts = std::vector<std::size_t>;

}  // namespace

TEST_CASE("an address is read and written") {
  const auto address = MacAddress::parse("52:54:00:12:ab:fE");
  REQUIRE(address);
  CHECK(to_text(*address) == "52:54:00:12:ab:fe");
  CHECK(address->number() == 0x5254'0012'abfe);
  CHECK(to_text(address->after(2)) == "52:54:00:12:ac:00");
  CHECK(address->single());
  CHECK(everybody.group());
  CHECK_FALSE(MacAddress{}.single());
  for (const auto* wrong : {"", "52:54:00:12:ab", "52:54:00:12:ab:fg", "52-54-00-12-ab-fe",
                            "52:54:00:12:ab:f", "+2:54:00:12:ab:fe", "52:54:00:12:ab:fe:"})
    CHECK_FALSE(MacAddress::parse(wrong));
  CHECK(MacAddress::random().single());
  CHECK(MacAddress::random() != MacAddress::random());
}

TEST_CASE("a frame for all, or for an unknown station, goes everywhere but back") {
  Lan lan;
  lan.send(1, frame(everybody, station(1)));
  CHECK(lan.got() == Counts{1, 0, 1});
  lan.send(1, frame(station(7), station(1)));
  CHECK(lan.got() == Counts{1, 0, 1});
  lan.send(1, frame(MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, station(1)));  // a group
  CHECK(lan.got() == Counts{1, 0, 1});
  CHECK(lan.seats[1].counts().received == 3);
  CHECK(lan.seats[0].counts().delivered == 3);
}

TEST_CASE("a frame for a known station goes to its port alone, as it was sent") {
  Lan lan;
  lan.learn_all();
  const auto sent = frame(station(2), station(0), 100);
  lan.send(0, sent);
  REQUIRE(lan.ports[2].got.size() == 1);
  CHECK(lan.ports[2].got.front() == sent);
  CHECK(lan.got() == Counts{0, 0, 1});
  lan.send(2, frame(station(2), station(9)));  // the port has both
  lan.send(2, frame(station(9), station(2)));
  CHECK(lan.got() == Counts{0, 0, 0});
}

TEST_CASE("a station that moves is where it was seen last") {
  Lan lan;
  lan.learn_all();
  lan.send(1, frame(everybody, station(0)));
  lan.got();
  lan.send(2, frame(station(0), station(2)));
  CHECK(lan.got() == Counts{0, 1, 0});
}

TEST_CASE("a station that is silent for long is forgotten") {
  Lan lan;
  lan.learn_all();
  lan.send(1, frame(station(0), station(1)), morning + usual_age - 1s);
  CHECK(lan.got() == Counts{1, 0, 0});
  lan.send(1, frame(station(0), station(1)), morning + usual_age);
  CHECK(lan.got() == Counts{1, 0, 1});
  lan.send(2, frame(station(1), station(2)), morning + usual_age + 1s);  // it was heard meanwhile
  CHECK(lan.got() == Counts{0, 1, 0});
}

TEST_CASE("a port that invents addresses makes the switch forget its own only") {
  Lan lan;
  lan.learn_all();
  for (auto& port : lan.ports) port.room = 0;
  const auto allocated = ::mallinfo2().uordblks;
  for (unsigned number = 0; number < 100'000; ++number)
    lan.send(1, frame(everybody, station(100 + number)), morning + 1s);
  CHECK(::mallinfo2().uordblks == allocated);  // of an ordinary build
  for (auto& port : lan.ports) port.room = 10;
  lan.send(1, frame(station(0), station(50)), morning + 2s);
  lan.send(1, frame(station(2), station(50)), morning + 2s);
  CHECK(lan.got() == Counts{1, 0, 1});
  lan.send(0, frame(station(1), station(0)), morning + 2s);  // its own is forgotten: to all
  CHECK(lan.got() == Counts{0, 1, 1});
}

TEST_CASE("a table has room for as many stations of a port as it says, nearly") {
  AddressTable table(2);
  for (unsigned number = 1; number <= AddressTable::most_each / 2; ++number)
    table.learn(station(number), 1, morning);
  unsigned known = 0;
  for (unsigned number = 1; number <= AddressTable::most_each / 2; ++number)
    known += table.find(station(number), morning) == 1U ? 1 : 0;
  CHECK(known > AddressTable::most_each / 2 * 9 / 10);  // some fall into the same set
  table.forget(1);
  for (unsigned number = 1; number <= AddressTable::most_each / 2; ++number)
    CHECK_FALSE(table.find(station(number), morning));
}

TEST_CASE("runts, frames that are too long, and sources that can't be go nowhere") {
  Lan lan(2, 1000);
  lan.send(0, {});
  lan.send(0, frame(everybody, station(0), header_size - 1));
  CHECK(lan.seats[0].counts().runts == 2);
  lan.send(0, frame(everybody, station(0), 1000 + header_size + vlan_tag_size + 1));
  CHECK(lan.seats[0].counts().oversize == 1);
  lan.send(0, frame(everybody, everybody));
  lan.send(0, frame(everybody, MacAddress{}));
  CHECK(lan.seats[0].counts().bad_sources == 2);
  CHECK(lan.got() == Counts{0, 0});
  lan.send(0, frame(everybody, station(0), header_size));
  lan.send(0, frame(everybody, station(0), 1000 + header_size + vlan_tag_size));
  CHECK(lan.got() == Counts{0, 2});
  CHECK(lan.seats[0].counts().received == 2);
}

TEST_CASE("a port without room loses its frames, and no other does") {
  Lan lan;
  lan.ports[1].room = 2;
  for (unsigned number = 0; number < 5; ++number) lan.send(0, frame(everybody, station(0)));
  CHECK(lan.got() == Counts{0, 2, 5});
  CHECK(lan.seats[1].counts().delivered == 2);
  CHECK(lan.seats[1].counts().dropped == 3);
  CHECK(lan.seats[2].counts().dropped == 0);
}

TEST_CASE("a port that leaves is forgotten, and its number is free again") {
  Lan lan;
  lan.learn_all();
  FramePort late;
  CHECK_FALSE(lan.net.join(late));
  lan.seats.pop_back();
  lan.send(0, frame(station(2), station(0)));
  CHECK(lan.got() == Counts{0, 1, 0});
  const auto seat = lan.net.join(late);
  REQUIRE(seat);
  CHECK(seat->number() == 2);
  CHECK(seat->counts().received == 0);
  lan.send(0, frame(everybody, station(0)));
  CHECK(late.got.size() == 1);
}
