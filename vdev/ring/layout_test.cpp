// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/layout.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "vdev/testing/driver.hpp"

using namespace bellwire;
using bellwire::testing::Wires;

namespace {

MemoryView formatted(unsigned queues, std::uint64_t size) {
  auto memory = Wires::create(1, size).device_end().memory;
  REQUIRE(ring::format(memory.bytes(), queues).has_value());
  return memory;
}

bellwire_format& format_of(const MemoryView& memory) {
  return *reinterpret_cast<bellwire_format*>(memory.bytes().data());
}

}  // namespace

TEST_CASE("queues stand side by side, each in pages of its own, none outside") {
  for (const unsigned queues : {1U, 3U, 8U, 32U}) {
    const auto memory = formatted(queues, 4 << 20);
    const auto layout = ring::Layout::open(memory).value();
    CHECK(layout.queues() == queues);
    auto* end = memory.bytes().data() + BELLWIRE_HEADER_SIZE;
    for (unsigned index = 0; index < queues; ++index) {
      const auto queue = layout.queue(index);
      auto* const begin = reinterpret_cast<std::byte*>(queue.control);
      CHECK(begin >= end);
      CHECK((begin - memory.bytes().data()) % BELLWIRE_PAGE_SIZE == 0);
      CHECK(reinterpret_cast<std::byte*>(queue.completions + queue.entries) ==
            reinterpret_cast<std::byte*>(queue.records));
      const auto last = queue.records_of(BELLWIRE_DEVICE);
      CHECK(!last.empty());
      CHECK(reinterpret_cast<std::byte*>(last.data() + last.size()) == queue.payload.data());
      end = queue.payload.data() + queue.payload.size();
      CHECK(end <= memory.bytes().data() + memory.bytes().size());
    }
  }
}

TEST_CASE("with little memory the rings are smaller; with too little it is refused") {
  const auto memory = formatted(8, 128 << 10);
  const auto queue = ring::Layout::open(memory).value().queue(0);
  CHECK(queue.entries >= BELLWIRE_MIN_RING_ENTRIES);
  CHECK(queue.entries < ring::usual_ring_entries);
  CHECK(queue.payload.size() >= 2048);
  const auto tiny = Wires::create(1, 64 << 10).device_end().memory;
  CHECK(ring::format(tiny.bytes(), 32).has_error());
  CHECK(ring::blank(tiny.bytes()));
}

TEST_CASE("memory of the size that was computed has what was wanted, and less has not") {
  for (const unsigned queues : {1U, 8U, 32U})
    for (const std::uint32_t entries : {std::uint32_t{BELLWIRE_MIN_RING_ENTRIES}, 256U, 4096U})
      for (const std::uint64_t payload : {0U, 1U, 5000U, 1U << 20}) {
        const auto size = ring::memory_size(queues, entries, payload).value();
        std::vector<std::byte> bytes(size);
        REQUIRE(ring::format(bytes, queues, entries).has_value());
        const auto& made = *reinterpret_cast<const bellwire_format*>(bytes.data());
        CHECK(made.ring_entries == entries);
        CHECK(made.queue_stride - bellwire_payload_offset(entries, made.trace_entries) >= payload);
      }
}

TEST_CASE("no memory has a ring of any size, or too many queues, or too much payload") {
  for (const std::uint32_t entries : {0U, 1U, 100U, 2U * BELLWIRE_MAX_RING_ENTRIES})
    CHECK(ring::memory_size(1, entries, 0)
              .error()
              .message.find(text("{} entries: choose a power of two", entries)) == 0);
  CHECK(ring::memory_size(33, 256, 0).has_error());
  CHECK(ring::memory_size(1, 256, ~std::uint64_t{0}).has_error());
}

TEST_CASE("a peer's memory that is too small is the peer's fault") {
  for (const std::uint64_t size : {4096U, 64U << 10}) {
    Attachment attachment{
        .doorbells = os::create_events(32).value(), .interrupts = {}, .memory = {}};
    for (const auto& event : os::create_events(32).value())
      attachment.interrupts.push_back(InterruptLine(event.duplicate().value()).interrupt());
    const auto file = os::create_memfd("small", size).value();
    attachment.memory = MemoryView(os::Mapping::create(file.get(), size).value());
    const auto settled = ring::settle_format(attachment, 32);
    REQUIRE(settled.has_error());
    CHECK(settled.error().code == std::errc::protocol_error);
    CHECK(settled.error().message.find("too little for 32 queues") != std::string::npos);
  }
}

TEST_CASE("memory is formatted once, and a wrong number of queues never") {
  const auto memory = formatted(1, 1 << 20);
  CHECK(ring::format(memory.bytes(), 1).has_error());
  const auto blank = Wires::create(1).device_end().memory;
  CHECK(ring::format(blank.bytes(), 0).has_error());
  CHECK(ring::format(blank.bytes(), BELLWIRE_MAX_QUEUES + 1).has_error());
}

TEST_CASE("a format that a peer spoilt is refused, whatever it spoilt") {
  const std::function<void(bellwire_format&)> spoils[] = {
      [](auto& format) { format.magic = 0; },
      [](auto& format) { format.magic ^= 1; },
      [](auto& format) { format.version++; },
      [](auto& format) { format.size *= 2; },
      [](auto& format) { format.queues = 0; },
      [](auto& format) { format.queues = 33; },
      [](auto& format) { format.ring_entries = 0; },
      [](auto& format) { format.ring_entries = 257; },
      [](auto& format) { format.ring_entries = 1U << 31; },
      [](auto& format) { format.trace_entries = 257; },
      [](auto& format) { format.trace_entries = 1U << 17; },
      [](auto& format) { format.reserved[0] = 1; },
      [](auto& format) { format.reserved[3] = 1U << 31; },
      [](auto& format) { format.trace_entries = 8192; },
      [](auto& format) { format.queue_offset = 0; },
      [](auto& format) { format.queue_offset += 64; },
      [](auto& format) { format.queue_offset = format.size; },
      [](auto& format) { format.queue_offset = ~std::uint64_t{4095}; },
      [](auto& format) { format.queue_stride = 4096; },
      [](auto& format) { format.queue_stride *= 2; },
      [](auto& format) { format.queue_stride = std::uint64_t{1} << 63; },
  };
  for (const auto& spoil : spoils) {
    const auto memory = formatted(4, 1 << 20);
    spoil(format_of(memory));
    CHECK(ring::Layout::open(memory).has_error());
  }
}

TEST_CASE("an index passes an event exactly when its entry is among the new ones") {
  CHECK(bellwire_event_passed(0, 1, 0));
  CHECK_FALSE(bellwire_event_passed(1, 1, 0));
  CHECK(bellwire_event_passed(5, 10, 0));
  CHECK_FALSE(bellwire_event_passed(10, 10, 0));
  CHECK_FALSE(bellwire_event_passed(3, 10, 5));
  CHECK_FALSE(bellwire_event_passed(3, 5, 5));
  CHECK(bellwire_event_passed(0xffffffff, 3, 0xfffffffe));
  CHECK(bellwire_event_passed(1, 3, 0xfffffffe));
}

// It depends on the two differences alone, of which all are tried that lie near an edge.
TEST_CASE("an index passes an event also where it wraps") {
  std::vector<std::uint32_t> differences;
  for (const std::uint32_t middle : {0U, 1U << 16, 1U << 31})
    for (std::uint32_t from = 0; from < 100; ++from) differences.push_back(middle + from - 50);
  for (const std::uint32_t before : {0U, 1U, 0x7FFF'FFFFU, 0x8000'0000U, 0xFFFF'FFFFU})
    for (const auto count : differences)
      for (const auto ahead : differences)
        if ((bellwire_event_passed(before + ahead, before + count, before) != 0) != (ahead < count))
          FAIL("event ", before + ahead, ", from ", before, " to ", before + count);
}

// In numbers that can't overflow, whatever a hostile side has put into the format.
TEST_CASE("of a format that is accepted, each queue lies in the memory, and none in another") {
  __extension__ using Wide = unsigned __int128;
  std::vector<std::uint64_t> numbers;
  for (const int shift : {12, 13, 20, 32, 59, 63})
    for (const auto from : {std::uint64_t{0}, std::uint64_t{4096}, -std::uint64_t{4096}})
      numbers.push_back((std::uint64_t{1} << shift) + from);
  for (const int pages : {0, 2, 3, -1, -2})
    numbers.push_back(static_cast<std::uint64_t>(pages) * BELLWIRE_PAGE_SIZE);
  std::size_t accepted = 0;
  bellwire_format format{};
  format.magic = BELLWIRE_MAGIC;
  format.version = BELLWIRE_VERSION;
  for (const std::uint32_t queues : {1U, 2U, 3U, 32U})
    for (const std::uint32_t entries : {8U, 256U, 32768U})
      for (const std::uint32_t records : {0U, 1U, 65536U})
        for (const auto size : numbers)
          for (const auto offset : numbers)
            for (const auto stride : numbers) {
              format.queues = queues;
              format.ring_entries = entries;
              format.trace_entries = records;
              format.size = size;
              format.queue_offset = offset;
              format.queue_stride = stride;
              if (bellwire_format_check(&format, size) != BELLWIRE_FORMAT_OK) continue;
              ++accepted;
              REQUIRE(Wide{offset} >= BELLWIRE_HEADER_SIZE);
              REQUIRE(Wide{offset} + Wide{stride} * queues <= size);
              REQUIRE(bellwire_payload_offset(entries, records) < stride);
            }
  CHECK(accepted > 100);
}
