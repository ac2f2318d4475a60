// SPDX-License-Identifier: BSD-3-Clause
//
// Request devices on virtqueues that complete their requests later, and drivers that do what they
// like.
#include <deque>
#include <random>
#include <set>

#include "vdev/devices/delay.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/request_guest.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

// Keeps its requests until the test completes them.
class Keeper final : public AsyncRequestDevice {
 public:
  explicit Keeper(std::deque<ring::PendingRequest>& kept) noexcept : kept_(kept) {}
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "keeper"}; }

 private:
  void handle(ring::PendingRequest request) noexcept override {
    kept_.push_back(std::move(request));
  }
  void cancel(unsigned) noexcept override { kept_.clear(); }
  std::deque<ring::PendingRequest>& kept_;
};

}  // namespace

TEST_CASE_TEMPLATE("requests that are completed later come back in any order", Layout, Split,
                   Packed) {
  RequestGuest guest(std::make_unique<Delay>(), {.packed = Layout::packed});
  constexpr std::uint32_t count = 16;
  std::vector<virtio::GuestBuffer> replies;
  for (std::uint32_t number = 0; number < count; ++number) {
    const bellwire_virtio_request header{number, 4000 - number * 200, 0};
    const virtio::GuestBuffer readable[] = {
        guest.guest.allocate(std::as_bytes(std::span(&header, 1))),
        guest.guest.allocate(std::as_bytes(std::span(&number, 1)))};
    replies.push_back(guest.guest.allocate(reply_size + sizeof number));
    const virtio::GuestBuffer writable[] = {{replies.back().address, reply_size + 1},
                                            {replies.back().address + reply_size + 1, 3}};
    guest.guest.submit(0, readable, writable, number);
  }
  std::set<std::uint64_t> came;
  while (came.size() < count) {
    const auto used = guest.guest.wait_used(0);
    CHECK(came.insert(used.token).second);
    CHECK(used.written == reply_size + sizeof(std::uint32_t));
    const auto bytes = guest.guest.bytes(replies[used.token]);
    std::uint32_t number = 0;
    std::memcpy(&number, &bytes[reply_size], sizeof number);
    CHECK(number == used.token);
  }
}

TEST_CASE("a reset waits for requests in flight, and what is dropped has failed") {
  std::deque<ring::PendingRequest> kept;
  RequestGuest guest(std::make_unique<Keeper>(kept));
  const auto request = guest.guest.allocate(request_size), reply = guest.guest.allocate(reply_size);
  for (unsigned count = 0; count < 3; ++count) guest.guest.submit(0, {&request, 1}, {&reply, 1});
  REQUIRE(guest.guest.run_until([&] { return kept.size() == 3; }));
  kept.pop_front();
  CHECK(guest.guest.wait_used(0).written == reply_size);
  CHECK(guest.guest.memory.at<bellwire_virtio_reply>(reply.address)->status == BELLWIRE_FAILED);
  guest.guest.backend.reset_now();
  CHECK(kept.empty());
  CHECK(guest.guest.backend.counts(0).completed == 3);
}

TEST_CASE("copies have a bound, whatever a driver splits, and room for the next request") {
  std::deque<ring::PendingRequest> kept;
  RequestGuest guest(std::make_unique<Keeper>(kept), {.memory = std::uint64_t{32} << 20});
  const auto request = guest.guest.allocate(request_size), reply = guest.guest.allocate(reply_size);
  const auto large = guest.guest.allocate(8 << 20);
  const virtio::GuestBuffer readable[] = {request, large, large},
                            writable[] = {reply, large, large};
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned count = 0; count < 3; ++count) guest.guest.submit(0, readable, writable);
    CHECK(guest.guest.wait_used(0).written == reply_size);  // 96 MiB are too many
    CHECK(guest.guest.memory.at<bellwire_virtio_reply>(reply.address)->status == BELLWIRE_FAILED);
    CHECK(kept.size() == 2);
    for (; !kept.empty(); kept.pop_front()) std::move(kept.front()).complete();
    for (unsigned count = 0; count < 2; ++count)
      CHECK(guest.guest.wait_used(0).written == reply_size);
    CHECK(guest.guest.memory.at<bellwire_virtio_reply>(reply.address)->status == BELLWIRE_DONE);
  }
}

// Buffers of any size, anywhere, over each other: what a driver may do without the device's leave.
TEST_CASE("whatever buffers a driver gives, nothing beside them changes, and the queue goes on") {
  constexpr std::uint32_t area = 512;
  RequestGuest guest(std::make_unique<Echo>(), {.table_entries = 64});
  const auto place = guest.guest.allocate(area);
  const auto bytes = guest.guest.bytes(place);
  std::mt19937 random(1);  // NOLINT: the same each time
  const auto any = [&random](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  const auto buffers = [&] {
    std::vector<virtio::GuestBuffer> made(any(4));
    for (auto& buffer : made) {
      buffer.size = any(2) == 0 ? any(20) : any(90);
      buffer.address = place.address + any(area - buffer.size);
    }
    return made;
  };
  const auto total = [](const std::vector<virtio::GuestBuffer>& all) {
    std::uint32_t sum = 0;
    for (const auto& buffer : all) sum += buffer.size;
    return sum;
  };
  for (unsigned round = 0; round < 3000; ++round) {
    for (auto& byte : bytes) byte = any(2) == 0 ? std::byte{0} : std::byte(any(256));
    const std::vector before(bytes.begin(), bytes.end());
    auto readable = buffers(), writable = buffers();
    if (readable.empty() && writable.empty()) continue;
    std::vector<bool> may_change(area);
    for (const auto& buffer : writable)
      for (std::uint32_t at = 0; at < buffer.size; ++at)
        may_change[buffer.address - place.address + at] = true;
    guest.guest.submit(0, readable, writable);
    const auto written = guest.guest.wait_used(0).written;
    const bool seen = total(readable) >= request_size && total(writable) >= reply_size;
    CHECK((written >= reply_size) == seen);
    CHECK(written <= total(writable));
    unsigned wrong = 0;
    for (std::uint32_t at = 0; at < area; ++at)
      wrong += bytes[at] != before[at] && !(seen && may_change[at]) ? 1 : 0;
    CHECK(wrong == 0);
  }
  CHECK(guest.call(std::vector<std::byte>(8), 8).reply.status == BELLWIRE_DONE);
}
