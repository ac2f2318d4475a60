// SPDX-License-Identifier: BSD-3-Clause
//
// Request devices on virtqueues: the format of guest-kmod/uapi/bellwire_virtio.h, however the
// driver splits its buffers, and whatever else it does.
#include "vdev/devices/virtio_request_device.hpp"

#include "vdev/devices/echo.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/request_guest.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

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
  const auto copied = guest.call(input, 10, {}, 20, 20);
  CHECK(copied.output == std::vector<std::byte>(10));  // none of this process's own bytes
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
