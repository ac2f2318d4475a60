// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/card/card.hpp"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <new>

#include "vdev/devices/echo.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/card/doorbell_page.hpp"

using namespace bellwire;
using card::Card;

namespace {

constexpr std::uint64_t address = 0x10'0000, size = 1 << 20;

// A card in the hands of a driver, without any transport.
struct Bench {
  explicit Bench(const card::Options& options = {.queues = 4, .memory = size})
      : card(Card::create(context, options).value()),
        fd(os::create_memfd("card-test", size).value()),
        memory(os::Mapping::create(fd.get(), size).value()) {}

  // Whoever runs the device, whose every attachment may fail.
  void serve() {
    served = card->serve({.attach = [this](Attachment attachment) -> Result<void> {
                            if (refusal) return fault(std::errc::io_error, "{}", *refusal);
                            given.emplace(std::move(attachment));
                            ++attached;
                            return {};
                          },
                          .detach =
                              [this] {
                                given.reset();
                                ++detached;
                              }})
                 .value();
  }
  void give_memory(std::uint64_t where = address) {
    card->memory().add({.address = where, .size = size, .memory = memory}).value();
  }
  void set(std::uint64_t at, std::uint32_t value) {
    card->bars()[0].registers->write(at, sizeof value, value);
  }
  std::uint32_t get(std::uint64_t at) {
    return static_cast<std::uint32_t>(card->bars()[0].registers->read(at, 4));
  }
  std::uint32_t turn_on(std::uint64_t where = address, std::uint32_t vectors = 4) {
    set(BELLWIRE_CARD_MEMORY_LOW, static_cast<std::uint32_t>(where));
    set(BELLWIRE_CARD_MEMORY_HIGH, static_cast<std::uint32_t>(where >> 32));
    set(BELLWIRE_CARD_VECTORS, vectors);
    set(BELLWIRE_CARD_CONTROL, BELLWIRE_CARD_ENABLE);
    return get(BELLWIRE_CARD_STATUS);
  }

  boost::asio::io_context context;
  std::unique_ptr<Card> card;
  os::UniqueFd fd;
  MemoryView memory;
  std::optional<std::string> refusal;
  std::optional<Attachment> given;
  Registration served;
  unsigned attached = 0, detached = 0;
};

bellwire_header& header_of(const MemoryView& memory) {
  return *reinterpret_cast<bellwire_header*>(memory.bytes().data());
}

}  // namespace

TEST_CASE("turned on with memory it has an attachment, and the memory its format") {
  Bench bench;
  CHECK(bench.get(BELLWIRE_CARD_MAGIC) == BELLWIRE_CARD_MAGIC_VALUE);
  CHECK(bench.get(BELLWIRE_CARD_MEMORY_SIZE) == size);
  bench.give_memory();
  CHECK(bench.turn_on() == BELLWIRE_CARD_READY);
  const auto attachment = bench.card->attach().value();
  CHECK(attachment.doorbells.size() == 4);
  CHECK(attachment.interrupts.size() == 4);
  CHECK(bellwire_format_check(&header_of(bench.memory).format, size) == BELLWIRE_FORMAT_OK);
  CHECK(attachment.memory.bytes().data() == bench.memory.bytes().data());
}

TEST_CASE("bad memory, or no vector, and it stays off") {
  Bench bench;
  bench.serve();
  CHECK(bench.turn_on() == BELLWIRE_CARD_BAD_MEMORY);  // nobody gave any
  bench.give_memory();
  for (const std::uint64_t where :
       {address + 1, address + 4096, std::uint64_t{0}, ~std::uint64_t{4095}})
    CHECK(bench.turn_on(where) == BELLWIRE_CARD_BAD_MEMORY);
  for (const std::uint32_t vectors : {0U, 5U, ~0U})
    CHECK(bench.turn_on(address, vectors) == BELLWIRE_CARD_BAD_MEMORY);
  bench.memory.bytes()[0] = std::byte{1};  // neither blank nor a format
  CHECK(bench.turn_on() == BELLWIRE_CARD_BAD_MEMORY);
  CHECK(bench.attached == 0);
  CHECK(bench.detached == 0);
  CHECK(bench.card->attach().error().code == std::errc::resource_unavailable_try_again);
  bench.memory.bytes()[0] = std::byte{0};
  CHECK(bench.turn_on() == BELLWIRE_CARD_READY);
}

TEST_CASE("what it was turned on with can't be changed under way") {
  Bench bench;
  bench.serve();
  bench.give_memory();
  bench.turn_on();
  bench.set(BELLWIRE_CARD_MEMORY_LOW, 0);
  bench.set(BELLWIRE_CARD_VECTORS, 0);
  CHECK(bench.get(BELLWIRE_CARD_MEMORY_LOW) == address);
  CHECK(bench.card->attach().has_value());
  CHECK(bench.detached == 0);
}

TEST_CASE("off, reset, memory that goes, a client that goes: each time the device stops, once") {
  Bench bench;
  bench.serve();
  bench.give_memory();
  bench.turn_on();
  bench.set(BELLWIRE_CARD_CONTROL, 0);
  bench.set(BELLWIRE_CARD_CONTROL, 0);
  CHECK(bench.detached == 1);
  CHECK(bench.turn_on() == BELLWIRE_CARD_READY);  // again, with the same memory
  bench.card->reset();
  CHECK(bench.detached == 2);
  CHECK(bench.get(BELLWIRE_CARD_MEMORY_LOW) == 0);
  bench.turn_on();
  CHECK(bench.card->memory().remove(address, size).has_value());
  CHECK(bench.detached == 3);
  CHECK(bench.get(BELLWIRE_CARD_STATUS) == BELLWIRE_CARD_OFF);
  CHECK(bench.card->memory().remove(address, size).error().code ==
        std::errc::no_such_file_or_directory);
  bench.give_memory();
  bench.turn_on();
  bench.card->client_gone();
  CHECK(bench.detached == 4);
  CHECK(bench.get(BELLWIRE_CARD_STATUS) == BELLWIRE_CARD_OFF);
  CHECK(bench.attached == bench.detached);
  CHECK_FALSE(bench.given);
}

TEST_CASE("memory at either end of all addresses is taken back, and a neighbour's isn't") {
  for (const std::uint64_t where : {std::uint64_t{0}, std::uint64_t{0} - size}) {
    CAPTURE(where);
    Bench bench;
    bench.serve();
    bench.give_memory(where);
    bench.give_memory(where == 0 ? size : where - size);
    REQUIRE(bench.turn_on(where) == BELLWIRE_CARD_READY);
    CHECK(bench.card->memory().remove(where == 0 ? size : where - size, size).has_value());
    CHECK(bench.detached == 0);
    CHECK(bench.card->memory().remove(where, size).has_value());
    CHECK(bench.detached == 1);
    CHECK(bench.get(BELLWIRE_CARD_STATUS) == BELLWIRE_CARD_OFF);
  }
}

TEST_CASE("the device runs before the driver reads that it does") {
  Bench bench;
  bench.serve();
  bench.give_memory();
  bench.set(BELLWIRE_CARD_MEMORY_LOW, address);
  bench.set(BELLWIRE_CARD_VECTORS, 4);
  for (unsigned times = 1; times < 4; ++times) {  // on and off, and nobody ran the context
    bench.set(BELLWIRE_CARD_CONTROL, BELLWIRE_CARD_ENABLE);
    CHECK(bench.attached == times);
    CHECK(bench.given->doorbells.size() == 4);
    bench.set(BELLWIRE_CARD_CONTROL, 0);
    CHECK(bench.detached == times);
  }
}

TEST_CASE("a device that can't run leaves the card off, and runs the next time") {
  Bench bench;
  bench.serve();
  bench.give_memory();
  bench.refusal = "no more descriptors";
  CHECK(bench.turn_on() == BELLWIRE_CARD_FAILED);
  CHECK(bench.get(BELLWIRE_CARD_CONTROL) == 0);
  bench.set(BELLWIRE_CARD_CONTROL, 0);
  CHECK(bench.detached == 0);
  bench.refusal.reset();
  CHECK(bench.turn_on() == BELLWIRE_CARD_READY);
}

TEST_CASE("a device that throws has failed, and no more") {
  Bench bench;
  bench.served =
      bench.card
          ->serve({.attach = [](const Attachment&) -> Result<void> { throw std::bad_alloc(); },
                   .detach = [] {}})
          .value();
  bench.give_memory();
  CHECK(bench.turn_on() == BELLWIRE_CARD_FAILED);
}

TEST_CASE("nobody is called whose registration is gone") {
  Bench bench;
  bench.serve();
  bench.give_memory();
  bench.turn_on();
  bench.served.drop();
  bench.set(BELLWIRE_CARD_CONTROL, 0);
  CHECK(bench.detached == 0);
  CHECK(bench.turn_on() == BELLWIRE_CARD_READY);
  CHECK(bench.attached == 1);
  bench.serve();  // it is on already
  CHECK(bench.attached == 2);
}

TEST_CASE("the format that was checked is the one that is used, whatever the guest writes then") {
  Bench bench;
  bench.give_memory();
  REQUIRE(bench.turn_on() == BELLWIRE_CARD_READY);
  auto attachment = bench.card->attach().value();
  auto& format = header_of(bench.memory).format;
  format.queues = 1;
  format.queue_stride = 0;
  format.magic = 99;
  Echo echo;
  CHECK(ring::Layout::open(attachment).value().queues() == 4);
  CHECK(echo.start(std::move(attachment)).has_value());
  echo.stop();
}

TEST_CASE("each client has eventfds of its own: those of an earlier one lead nowhere") {
  Bench bench;
  const auto& wires = bench.card->bars()[0].doorbells;
  REQUIRE(bench.card->admit_client().has_value());
  const auto kept = wires[1].event.duplicate().value();
  bench.card->client_gone();
  REQUIRE(bench.card->admit_client().has_value());
  bench.give_memory();
  bench.turn_on();
  const auto attachment = bench.card->attach().value();
  kept.ring();
  CHECK_FALSE(attachment.doorbells[1].drain());
  CHECK(kept.drain() == 1);  // nobody took it
  wires[1].event.ring();
  CHECK(attachment.doorbells[1].drain() == 1);
}

TEST_CASE("each client has a doorbell page of its own") {
  Bench bench({.queues = 4, .memory = size, .page = true});
  const auto page = [&bench]() -> bellwire_doorbell_page& {
    return *reinterpret_cast<bellwire_doorbell_page*>(
        bench.card->bars()[2].memory->view.bytes().data());
  };
  REQUIRE(bench.card->admit_client().has_value());
  const auto kept = bench.card->bars()[2].memory->view;
  auto& old = *reinterpret_cast<bellwire_doorbell_page*>(kept.bytes().data());
  bench.card->client_gone();
  REQUIRE(bench.card->admit_client().has_value());
  bench.give_memory();
  bench.turn_on();
  const auto attachment = bench.card->attach().value();
  old.device.asleep = 0;
  CHECK(page().device.asleep == 1);
  old.driver[2].rung += 3;
  page().driver[1].rung += 2;
  bench.set(BELLWIRE_CARD_DOORBELL + 4, 1);
  CHECK_FALSE(attachment.doorbells[2].drain());
  CHECK(attachment.doorbells[1].drain() == 2);
}

// A look is queued when the driver turns the card off and on again; the next start queues its own.
TEST_CASE(
    "a page that is polled has one look queued, however often the card is turned off and on") {
  Bench bench({.queues = 4, .memory = size, .page = true, .awake = true});
  bench.give_memory();
  for (int times = 0; times < 5; ++times) {
    REQUIRE(bench.turn_on() == BELLWIRE_CARD_READY);
    bench.set(BELLWIRE_CARD_CONTROL, 0);
  }
  bench.turn_on();
  for (int round = 0; round < 3; ++round) CHECK(bench.context.poll_one() == 1);
  bench.set(BELLWIRE_CARD_CONTROL, 0);
  CHECK(bench.context.poll() == 1);  // the last finds that it is off
  bench.context.restart();
  CHECK(bench.context.poll() == 0);
}

TEST_CASE("a doorbell register rings its doorbell, and only while it is on") {
  Bench bench;
  bench.give_memory();
  bench.set(BELLWIRE_CARD_DOORBELL + 4, 1);
  bench.turn_on();
  const auto attachment = bench.card->attach().value();
  CHECK_FALSE(attachment.doorbells[1].drain());
  bench.set(BELLWIRE_CARD_DOORBELL + 4, 1);
  bench.set(BELLWIRE_CARD_DOORBELL + 4, 99);
  bench.set(BELLWIRE_CARD_DOORBELL + 4 * 4, 1);  // the fifth of four
  CHECK(attachment.doorbells[1].drain() == 2);
  for (const unsigned other : {0U, 2U, 3U}) CHECK_FALSE(attachment.doorbells[other].drain());
}

TEST_CASE("with fewer vectors than queues, queues share them") {
  Bench bench;
  const auto event = os::EventFd::create().value();
  bench.card->interrupts().connect(pci::InterruptKind::msix, 1, event.duplicate().value());
  bench.give_memory();
  bench.turn_on(address, 2);
  const auto attachment = bench.card->attach().value();
  attachment.interrupts[1].raise();
  attachment.interrupts[3].raise();
  attachment.interrupts[2].raise();
  CHECK(event.drain() == 2);
}

TEST_CASE("a doorbell page: rung by a word, and by the register only when asleep") {
  Bench bench({.queues = 4, .memory = size, .page = true});
  auto& page =
      *reinterpret_cast<bellwire_doorbell_page*>(bench.card->bars()[2].memory->view.bytes().data());
  bench.give_memory();
  bench.turn_on();
  const auto attachment = bench.card->attach().value();
  CHECK(page.device.asleep == 1);
  page.driver[2].rung += 3;
  bench.context.run();  // asleep: it does not look
  CHECK_FALSE(attachment.doorbells[2].drain());
  bench.set(BELLWIRE_CARD_DOORBELL + 8, 1);
  CHECK(attachment.doorbells[2].drain() == 3);
  CHECK(page.device.asleep == 0);
  page.driver[3].rung += 1;
  bench.context.restart();
  bench.context.run();  // awake it finds what was rung, then sleeps, and all is still
  CHECK(attachment.doorbells[3].drain() == 1);
  CHECK(page.device.asleep == 1);
}

TEST_CASE("options that no driver could use are refused by name") {
  boost::asio::io_context context;
  for (const auto& [options, word] : std::initializer_list<std::pair<card::Options, const char*>>{
           {{.queues = 0}, "vectors"},
           {{.queues = 33}, "vectors"},
           {{.memory = 0}, "memory"},
           {{.memory = 4097}, "memory"},
           {{.memory = 4096}, "memory"},
           {{.queues = 32, .memory = 64 << 10}, "for 32 queues"},
           {{.memory = 8 << 20}, "memory"}}) {
    const auto made = Card::create(context, options);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message.find(word) != std::string::npos);
  }
}

TEST_CASE("a client that makes its doorbells blocking, and fills or drains them, stops no card") {
  const testing::SleepAlarm alarm;
  Bench bench;
  const auto& handed_out = bench.card->bars()[0].doorbells;
  REQUIRE(handed_out.size() == 4);
  const testing::PeerEvent empty(handed_out[0].event), full(handed_out[1].event);
  empty.set_blocking(true);
  full.set_blocking(true);
  bench.give_memory();
  REQUIRE(bench.turn_on() == BELLWIRE_CARD_READY);  // drains them
  full.fill();
  const auto attachment = bench.card->attach().value();
  bench.set(BELLWIRE_CARD_DOORBELL + 4, 1);
  bench.set(BELLWIRE_CARD_DOORBELL + 8, 1);
  CHECK(attachment.doorbells[2].drain() == 1);
  CHECK(attachment.doorbells[1].drain().value_or(0) >= testing::PeerEvent::full);
  CHECK_FALSE(attachment.doorbells[0].drain());
  CHECK_FALSE(testing::SleepAlarm::rang());
}
