// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/switchboard.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "vdev/devices/echo.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using ivshmem::Peer;
using ivshmem::Switchboard;
using namespace std::chrono_literals;

namespace {

// A switchboard on a thread of its own.
struct Running {
  explicit Running(unsigned slots = 1, unsigned vectors = 2,
                   std::chrono::milliseconds reading_time = 10s)
      : switchboard(Switchboard::create(context, {.path = folder.file("s"),
                                                  .slots = slots,
                                                  .vectors = vectors,
                                                  .memory = 1 << 20,
                                                  .reading_time = reading_time})
                        .value()),
        thread([this] { context.run(); }) {}
  ~Running() {
    context.stop();
    thread.join();
  }
  [[nodiscard]] std::string path() const { return folder.file("s"); }

  TemporaryFolder folder;
  boost::asio::io_context context{1};
  Switchboard switchboard;
  std::thread thread;
};

// A peer, which nobody follows: a switchboard has nothing to say after the greeting.
struct Joined {
  boost::asio::io_context context;
  std::unique_ptr<Peer> peer;
};

std::unique_ptr<Joined> join(const std::string& path, unsigned slot, bool guest) {
  auto joined = std::make_unique<Joined>();
  auto peer =
      Peer::connect(joined->context, {.path = path, .slot = slot, .guest = guest}, {2s, 2s});
  if (!peer) return nullptr;
  joined->peer = std::move(*peer);
  return joined;
}
std::unique_ptr<Joined> join_guest(const Running& on) {
  return join(on.path(), 0, true);
}
std::unique_ptr<Joined> join_device(const Running& on, unsigned slot) {
  return join(on.path(), slot, false);
}

// A switchboard needs a moment to see that somebody left.
template <class Join>
std::unique_ptr<Joined> join_in_time(Join join) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (auto joined = join()) return joined;
    std::this_thread::sleep_for(5ms);
  }
  return nullptr;
}

bool hung_up(int socket) {
  std::byte byte{};
  while (os::wait_readable(socket, patience)) {
    auto got = os::receive_message(socket, std::span(&byte, 1));
    if (!got || (*got && (*got)->size == 0)) return true;
  }
  return false;
}

std::string refusal(const ivshmem::SwitchboardOptions& options) {
  boost::asio::io_context context;
  const auto made = Switchboard::create(context, options);
  return made ? "none" : made.error().message;
}

}  // namespace

TEST_CASE("a guest and a device that meet at a switchboard can talk") {
  const Running on;
  const auto guest = join_guest(on);
  const auto device = join_device(on, 0);
  Echo echo;
  const RunningDevice running(echo, device->peer->attach().value());
  Driver driver(guest_end(guest->peer->attach().value()), 1);
  CHECK(driver.call(bytes("over the board")).output == bytes("over the board"));
}

TEST_CASE("rules 41 to 43: the greeting is the one that QEMU insists on") {
  const Running on(1, 2);
  const auto socket = os::connect_unix(on.path(), "").value();
  ivshmem::MessageReader reader;
  std::vector<std::pair<std::int64_t, bool>> said;
  while (said.size() < 7) {
    REQUIRE(os::wait_readable(socket.get(), patience));
    while (const auto message = reader.next(socket.get()).value())
      said.emplace_back(message->value, message->fd.valid());
  }
  CHECK(said ==
        std::vector<std::pair<std::int64_t, bool>>{
            {0, false}, {0, false}, {-1, true}, {1, true}, {1, true}, {0, true}, {0, true}});
}

TEST_CASE("a device that comes back finds the same wires, and what waits on them") {
  const Running on;
  const auto guest = join_guest(on);
  const auto end = guest_end(guest->peer->attach().value());
  auto device = join_device(on, 0);
  end.doorbells[0].raise();
  device.reset();
  device = join_in_time([&] { return join_device(on, 0); });
  REQUIRE(device);
  CHECK(device->peer->attach().value().doorbells[0].drain() == 1);
  device->peer->attach().value().interrupts[1].raise();
  CHECK(end.interrupts[1].drain() == 1);
}

TEST_CASE(
    "rules 44, 45: nobody is informed of other peers, since QEMU aborts when that comes "
    "again") {
  const Running on(1, 1);
  const auto qemu = os::connect_unix(on.path(), "").value();
  ivshmem::MessageReader reader;
  for (int said = 0; said < 5;) {
    REQUIRE(os::wait_readable(qemu.get(), patience));
    while (reader.next(qemu.get()).value()) ++said;
  }
  for (int life = 0; life < 3; ++life) REQUIRE(join_in_time([&] { return join_device(on, 0); }));
  const auto last = join_in_time([&] { return join_device(on, 0); });
  REQUIRE(last);
  CHECK_FALSE(os::wait_readable(qemu.get(), 0ms));
}

// Until the switchboard has seen what happened.
template <class Word>
bool becomes(const Word& word, Word value) {
  for (int attempt = 0; attempt < 4000 && ring::load(word, ring::acquire) != value; ++attempt)
    std::this_thread::sleep_for(5ms);
  return ring::load(word, ring::acquire) == value;
}

TEST_CASE("a device that died is said to have died, until the next one runs") {
  const Running on;
  const auto guest = join_guest(on);
  const auto layout = ring::Layout::open(guest->peer->attach().value().memory).value();
  auto device = join_device(on, 0);
  auto& state = layout.device_line().state;
  ring::store(state, BELLWIRE_DEVICE_RUNNING, ring::release);  // and that was its last word
  device.reset();
  CHECK(becomes(state, __u32{BELLWIRE_DEVICE_DIED}));

  device = join_in_time([&] { return join_device(on, 0); });
  Echo echo;
  {
    const RunningDevice running(echo, device->peer->attach().value());
    CHECK(becomes(state, __u32{BELLWIRE_DEVICE_RUNNING}));
  }
  device.reset();
  REQUIRE(join_in_time([&] { return join_device(on, 0); }));
  CHECK(state == BELLWIRE_DEVICE_STOPPED);  // it left in good order
}

TEST_CASE("a device that follows at once is not taken for the one that died") {
  const Running on;
  const auto guest = join_guest(on);
  const auto layout = ring::Layout::open(guest->peer->attach().value().memory).value();
  auto& state = layout.device_line().state;
  for (int round = 0; round < 50; ++round) {
    auto device = join_in_time([&] { return join_device(on, 0); });
    REQUIRE(device);
    ring::store(state, BELLWIRE_DEVICE_RUNNING, ring::release);
    device.reset();
    device = join_in_time([&] { return join_device(on, 0); });
    REQUIRE(device);
    CHECK(state == BELLWIRE_DEVICE_DIED);  // said before it was let in
    ring::store(state, BELLWIRE_DEVICE_RUNNING, ring::release);
    std::this_thread::sleep_for(1ms);
    CHECK(state == BELLWIRE_DEVICE_RUNNING);
    ring::store(state, BELLWIRE_DEVICE_STOPPED, ring::release);
  }
}

TEST_CASE("the generations of a guest that died are ended") {
  const Running on;
  const auto device = join_device(on, 0);
  const auto layout = ring::Layout::open(device->peer->attach().value().memory).value();
  const auto queue = layout.queue(1);
  auto guest = join_guest(on);
  const auto generation = ring::begin_generation(queue);
  REQUIRE(generation % 2 == 1);
  guest.reset();
  CHECK(becomes(queue.control->driver.generation, generation + 1));
  CHECK(layout.queue(0).control->driver.generation == 0);  // nobody had it
}

TEST_CASE("a guest that comes back gets its slot again, the lowest that is free") {
  const Running on(2);
  auto first = join_guest(on);
  const auto second = join_guest(on);
  const auto device = join_device(on, 0);
  REQUIRE(second);
  CHECK(join_guest(on) == nullptr);
  first.reset();
  first = join_in_time([&] { return join_guest(on); });
  REQUIRE(first);
  device->peer->attach().value().interrupts[0].raise();
  CHECK(first->peer->attach().value().doorbells[0].drain() == 1);
  CHECK_FALSE(second->peer->attach().value().doorbells[0].drain().has_value());
}

TEST_CASE("slots are apart: neither memory nor wires of one are seen in another") {
  const Running on(2);
  const auto guests = {join_guest(on), join_guest(on)};
  const auto devices = {join_device(on, 0), join_device(on, 1)};
  const auto one = (*guests.begin())->peer->attach().value();
  const auto other = (*(guests.begin() + 1))->peer->attach().value();
  one.memory.bytes()[500000] = std::byte{42};
  CHECK(other.memory.bytes()[500000] == std::byte{0});
  one.interrupts[0].raise();
  CHECK((*devices.begin())->peer->attach().value().doorbells[0].drain() == 1);
  CHECK_FALSE((*(devices.begin() + 1))->peer->attach().value().doorbells[0].drain().has_value());
}

TEST_CASE("one device a slot, and none where there is no slot") {
  const Running on(2);
  const auto device = join_device(on, 1);
  REQUIRE(device);
  CHECK(join_device(on, 1) == nullptr);
  CHECK(join_device(on, 2) == nullptr);
  CHECK(join_device(on, 0) != nullptr);
}

TEST_CASE("rule 46: whoever sends a byte, or a descriptor, is dropped, and nobody else notices") {
  const Running on(2);
  const auto honest = join_guest(on);
  const auto device = join_device(on, 0);
  const auto event = os::EventFd::create().value();
  for (const int fd : {-1, event.fd()}) {
    const auto rude = os::connect_unix(on.path(), "").value();
    const std::byte byte{1};
    CHECK(os::send_message(rude.get(), std::span(&byte, 1), fd).has_value());
    CHECK(hung_up(rude.get()));
  }
  device->peer->attach().value().interrupts[0].raise();
  CHECK(honest->peer->attach().value().doorbells[0].drain() == 1);
  CHECK(join_in_time([&] { return join_guest(on); }) != nullptr);
}

TEST_CASE("a peer that takes its time keeps its slot while another is free") {
  const Running on(2, 2, 0ms);
  const auto slow = os::connect_unix(on.path(), "").value();
  const auto quick = join_guest(on);
  const auto device = join_device(on, 1);
  REQUIRE(quick);
  device->peer->attach().value().interrupts[0].raise();
  CHECK(quick->peer->attach().value().doorbells[0].drain() == 1);
  CHECK_FALSE(os::hung_up(slow.get()));
}

TEST_CASE("a thousand silent connections hurt nobody, and lose their place to one that reads") {
  const Running on(2, 2, 100ms);
  const auto honest = join_guest(on);
  const auto device = join_device(on, 0);
  std::vector<os::UniqueFd> crowd;
  for (int count = 0; count < 900; ++count) {
    auto socket = os::connect_unix(on.path(), "");
    if (socket) crowd.push_back(std::move(*socket));
  }
  CHECK(crowd.size() > 100);
  honest->peer->attach().value().interrupts[0].raise();
  CHECK(device->peer->attach().value().doorbells[0].drain() == 1);
  CHECK(join_in_time([&] { return join_guest(on); }) != nullptr);
}

TEST_CASE("options that cannot be are refused with the thing, the value and the remedy") {
  const TemporaryFolder folder;
  const auto path = folder.file("s");
  CHECK(refusal({.path = path, .slots = 0}) == "slots 0: choose 1 to 1024");
  CHECK(refusal({.path = path, .slots = 5000}) == "slots 5000: choose 1 to 1024");
  CHECK(refusal({.path = path, .vectors = 0}) == "vectors 0: choose 1 to 32");
  CHECK(refusal({.path = path, .vectors = 33}) == "vectors 33: choose 1 to 32");
  CHECK(refusal({.path = path, .memory = 3 << 20}) ==
        "memory 3145728: choose a power of two, as PCI wants it");
  CHECK(refusal({.path = path, .memory = 4096}) == "memory 4096: choose 64K to 1G");
  CHECK(refusal({.path = path, .vectors = 32, .memory = 65536}).find("too little for 32 queues") !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(path));
}
