// SPDX-License-Identifier: BSD-3-Clause
//
// Request devices on virtqueues: the format of guest-kmod/uapi/bellwire_virtio.h, however the
// driver splits its buffers, and whatever else it does.
#include "vdev/devices/virtio_request_device.hpp"

#include <deque>
#include <set>

#include "vdev/devices/delay.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

constexpr std::uint32_t request_size = sizeof(bellwire_virtio_request);
constexpr std::uint32_t reply_size = sizeof(bellwire_virtio_reply);
constexpr std::uint32_t unsplit = ~std::uint32_t{0};

std::unique_ptr<RingDevice> an_echo() {
  return std::make_unique<Echo>();
}

// Remembers where it was given its bytes.
class Witness final : public RequestDevice {
 public:
  struct Seen {
    const std::byte* input = nullptr;
    std::byte* output = nullptr;
    bellwire_virtio_request request{};
  };
  explicit Witness(Seen& seen) noexcept : seen_(seen) {}
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "witness"}; }

 private:
  ring::Reply serve(const ring::Request& request) noexcept override {
    seen_ = {request.input.data(), request.output.data(), {request.cookie, request.operation, 0}};
    return {.length = 1000};  // more than there is room for
  }
  Seen& seen_;
};

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

// A driver of a request device.
class RequestGuest {
 public:
  explicit RequestGuest(std::unique_ptr<RingDevice> device, const VirtioPlan& plan = {})
      : device_(std::move(device), 2), guest(device_, plan) {
    guest.start_all();
  }

  struct Answer {
    std::uint32_t used;  // what the ring says was written
    bellwire_virtio_reply reply;
    std::vector<std::byte> output;
  };

  // Sends what follows the request's header, with each part split into buffers of so many bytes.
  Answer call(std::span<const std::byte> input, std::uint32_t room,
              const bellwire_virtio_request& header = {}, std::uint32_t readable_split = unsplit,
              std::uint32_t writable_split = unsplit) {
    std::vector<std::byte> sent(request_size);
    std::memcpy(sent.data(), &header, request_size);
    sent.insert(sent.end(), input.begin(), input.end());
    const auto readable = guest.allocate(sent);
    const auto writable = guest.allocate(reply_size + room);
    guest.submit(0, split(readable, readable_split), split(writable, writable_split));
    const auto used = guest.wait_used(0).written;
    Answer answer{used, {}, {}};
    const auto bytes = guest.bytes(writable);
    std::memcpy(&answer.reply, bytes.data(), reply_size);
    const auto output = bytes.subspan(reply_size, std::min(room, answer.reply.length));
    answer.output.assign(output.begin(), output.end());
    return answer;
  }

  // What the device does not see comes back with nothing written.
  void refused(std::uint32_t readable, std::uint32_t writable) {
    const virtio::GuestBuffer from[] = {guest.allocate(64)}, to[] = {guest.allocate(64)};
    const auto first = [](auto& buffer, std::uint32_t size) {
      return std::vector(size > 0 ? 1 : 0, virtio::GuestBuffer{buffer[0].address, size});
    };
    guest.submit(0, first(from, readable), first(to, writable));
    CHECK(guest.wait_used(0).written == 0);
  }

 private:
  static std::vector<virtio::GuestBuffer> split(virtio::GuestBuffer buffer, std::uint32_t size) {
    std::vector<virtio::GuestBuffer> parts;
    for (std::uint32_t at = 0; at < buffer.size; at += std::min(size, buffer.size - at))
      parts.push_back({buffer.address + at, std::min(size, buffer.size - at)});
    return parts;
  }

  VirtioRequestDevice device_;

 public:
  VirtioGuest guest;
};

}  // namespace

TEST_CASE_TEMPLATE("echo and digest answer on a virtqueue", Layout, Split, Packed) {
  RequestGuest guest(an_echo(), {.packed = Layout::packed});
  const auto answer = guest.call(bytes("hello, device"), 64);
  CHECK(answer.used == reply_size + 13);
  CHECK(answer.reply.status == BELLWIRE_DONE);
  CHECK(answer.output == bytes("hello, device"));
  CHECK(guest.call(bytes("abcdefgh"), 3).output == bytes("abc"));
  CHECK(guest.call({}, 0).used == reply_size);

  RequestGuest other(std::make_unique<Digest>(), {.packed = Layout::packed});
  const auto digest = other.call(bytes("123456789"), 0);
  CHECK(digest.reply.result == 0xE3069283);
  CHECK(digest.used == reply_size);
}

TEST_CASE_TEMPLATE("how the driver splits its bytes into buffers means nothing", Layout, Split,
                   Packed) {
  for (const bool tables : {false, true}) {
    RequestGuest guest(an_echo(), {.packed = Layout::packed,
                                   .table_entries = static_cast<std::uint16_t>(tables ? 64 : 0)});
    const auto input = bytes("as long as this, and a little longer");
    const std::uint32_t sizes[] = {3, 7, request_size, 17, request_size + 1, 40, unsplit};
    for (const auto readable : sizes)
      for (const auto writable : sizes) {
        CAPTURE(readable);
        CAPTURE(writable);
        const auto answer = guest.call(input, 50, {}, readable, writable);
        CHECK(answer.reply.status == BELLWIRE_DONE);
        CHECK(answer.used == reply_size + input.size());
        CHECK(answer.output == input);
      }
  }
}

TEST_CASE("bytes in one piece are not copied, others are") {
  Witness::Seen seen;
  RequestGuest guest(std::make_unique<Witness>(seen));
  const auto in_guest = [&](const std::byte* byte) {
    const auto all = guest.guest.memory.bytes(GuestMemory::base, guest.guest.plan.memory);
    return byte >= all.data() && byte < all.data() + all.size();
  };
  const auto input = bytes("0123456789");
  const auto answer = guest.call(input, 10, {7, 3, 0}, request_size, unsplit);
  CHECK(in_guest(seen.input));
  CHECK(in_guest(seen.output));
  CHECK(seen.request.cookie == 7);
  CHECK(seen.request.operation == 3);
  CHECK(answer.reply.length == 10);  // whatever the device says
  CHECK(answer.used == reply_size + 10);
  guest.call(input, 10, {}, 20, 20);
  const auto first = seen;
  CHECK_FALSE(in_guest(seen.input));
  CHECK_FALSE(in_guest(seen.output));
  guest.call(input, 10, {}, 20, 20);
  CHECK(seen.input == first.input);  // the memory is used again
  CHECK(seen.output == first.output);
}

TEST_CASE("chains that can't be requests come back unseen, and the queue goes on") {
  Witness::Seen seen;
  RequestGuest guest(std::make_unique<Witness>(seen));
  guest.refused(0, reply_size);
  guest.refused(request_size - 1, reply_size);
  guest.refused(request_size, reply_size - 1);
  guest.refused(request_size, 0);
  CHECK(guest.guest.backend.counts(0).malformed == 0);  // virtio has nothing against them
  guest.call({}, 1, {0, 9, 0});
  CHECK(seen.request.operation == 9);
}

TEST_CASE("what the device does not serve is answered with the reason") {
  Witness::Seen seen;
  RequestGuest guest(std::make_unique<Witness>(seen), {.table_entries = 64, .memory = 16 << 20});
  const auto flagged = guest.call(bytes("abc"), 3, {0, 1, 1});
  CHECK(flagged.reply.status == BELLWIRE_BAD_OPERATION);
  CHECK(flagged.used == reply_size);
  const auto request = guest.guest.allocate(request_size), reply = guest.guest.allocate(reply_size);
  const auto large = guest.guest.allocate(4 << 20);
  const auto above = guest.guest.allocate(1);  // the same bytes may be named again and again
  const virtio::GuestBuffer many[] = {large, large, large, large, above};
  const auto with = [](const virtio::GuestBuffer& head, std::span<const virtio::GuestBuffer> rest) {
    std::vector<virtio::GuestBuffer> all{head};
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  };
  guest.guest.submit(0, with(request, many), with(reply, {}));
  CHECK(guest.guest.wait_used(0).written == reply_size);
  CHECK(guest.guest.memory.at<bellwire_virtio_reply>(reply.address)->status == BELLWIRE_BAD_LENGTH);
  guest.guest.submit(0, with(request, {}), with(reply, many));
  CHECK(guest.guest.wait_used(0).written == reply_size);
  CHECK(seen.input == nullptr);
  CHECK(seen.output == nullptr);
  guest.guest.submit(0, with(request, std::span(many).first(4)), with(reply, {}));
  CHECK(guest.guest.wait_used(0).written == reply_size);
  CHECK(guest.guest.memory.at<bellwire_virtio_reply>(reply.address)->status == BELLWIRE_DONE);
  CHECK(seen.input != nullptr);
}

TEST_CASE("buffers that overlap are apart for the device") {
  RequestGuest guest(an_echo());
  const auto place = guest.guest.allocate(256).address;
  auto* const at = guest.guest.memory.bytes(place, 256).data();
  const auto input = bytes("0123456789abcdef");
  std::memset(at, 0, request_size);
  std::ranges::copy(input, at + request_size);
  const virtio::GuestBuffer readable{place, 32}, writable{place + 8, 32};
  guest.guest.submit(0, {&readable, 1}, {&writable, 1});
  CHECK(guest.guest.wait_used(0).written == reply_size + 16);
  CHECK(std::ranges::equal(input, std::span(at + 8 + reply_size, 16)));
}

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

TEST_CASE("the config space says which device it is") {
  VirtioRequestDevice device(an_echo(), 3);
  CHECK(device.traits().id == BELLWIRE_VIRTIO_ID);
  CHECK(device.traits().queues == 3);
  REQUIRE(device.traits().config_size == sizeof(bellwire_virtio_config));
  bellwire_virtio_config config;
  device.read_config(0, std::as_writable_bytes(std::span(&config, 1)));
  CHECK(std::string_view(config.kind) == "echo");
  CHECK(config.queues == 3);
  CHECK(config.max_request == BELLWIRE_MAX_REQUEST);
  std::uint32_t queues = 0;
  device.read_config(offsetof(bellwire_virtio_config, queues),
                     std::as_writable_bytes(std::span(&queues, 1)));
  CHECK(queues == 3);
  CHECK_FALSE(device.write_config(0, std::as_bytes(std::span(&queues, 1))));
}
