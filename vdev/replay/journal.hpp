// SPDX-License-Identifier: BSD-3-Clause
//
// A journal: a file of all that crossed between a device and its driver, in the order in which the
// device's thread saw it; and its format, version 2. All numbers are little endian.
//
//     JournalHeader
//     for each entry, from a multiple of 8 on:
//       EntryHeader
//       its body, then zeros up to a multiple of 8
//
// The first entry has the facts. A body of more than most_piece bytes is in several entries, each
// but the last of them marked as `continued`. The file ends with an entry `end`; one that does not
// was cut: the process was killed, or the file was not copied whole.
//
// Version 1 has ring devices alone, and is read as well.
//
// JournalWriter writes one, JournalReader reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/os/result.hpp"

namespace bellwire::replay {

enum class EntryKind : std::uint16_t {
  none = 0,        ///< where nothing was written
  facts = 1,       ///< NAME=TEXT, each with a newline
  end = 2,         ///< number: an EndReason
  attached = 3,    ///< body: bellwire_format, of the memory
  detached = 4,    ///< the driver took the attachment back, or the device ended
  generation = 5,  ///< of a queue; number: the generation; body: GenerationBody
  doorbell = 6,    ///< of a queue; number: the eventfd's count
  request = 7,     ///< of a queue; number: its index; body: RequestBody, input
  completion = 8,  ///< likewise; body: CompletionBody, output
  interrupt = 9,   ///< of a queue, which the device raised; number, InterruptBody: see below
  stopping = 10,   ///< the device is told to end what it has in hand

  // Of a PCI function. What the device does at once in response follows an entry; an interrupt
  // comes a little later. Of `interrupt`, the number is the vector, and the body an InterruptBody.
  client = 11,    ///< number: 1: one arrives, 0: it has gone
  access = 12,    ///< to registers or config space; body: AccessBody, what is written
  answer = 13,    ///< to the access before it, a read; body: what was read
  reset = 14,     ///< by the client
  transfer = 15,  ///< DMA; number: its own; body: TransferBody, what is written or was read
  transferred =
      16,        ///< one that did not end at once has ended; body: TransferredBody, what was read
  wire = 17,     ///< number: of the interrupt; body: WireBody
  region = 18,   ///< number: 1: of the guest's memory, comes, 0: goes; body: RegionBody
  turn = 19,     ///< the device did something by itself: a handler of its context ran
  waiting = 20,  ///< number: 1: its context has something under way from here on, 0: nothing
  direct = 21,   ///< it uses the guest's memory without transfers; body: the address

  // Of a virtio device, which also has `interrupt`, of a queue, and `reset`.
  features = 22,       ///< which the driver accepts; body: 8 bytes
  config_read = 23,    ///< number: the offset; body: what was read
  config_write = 24,   ///< number: the offset; body: ConfigWriteBody, what was written
  queue_started = 25,  ///< number: its entries
  queue_stopped = 26,
  enabled = 27,   ///< a queue; number: 1, or 0: disabled
  chain = 28,     ///< number: its own, among those in flight; body: ChainBody, what is read
  returned = 29,  ///< number: the chain's; body: ReturnedBody, what was written
  paused = 30,    ///< number: 1: the device ends what is in flight, 0: it goes on
};

constexpr std::size_t entry_kinds = 31;

/// What is said of an entry's kind: "request".
[[nodiscard]] std::string_view name_of(EntryKind kind) noexcept;

enum class EndReason : std::uint32_t {
  whole = 0,  ///< the device ended
  limit = 1,  ///< the file would have become larger than was allowed
};

struct JournalHeader {
  static constexpr std::uint64_t expected_magic = 0x4C4E524A4C4C4542;  // "BELLJRNL"

  std::uint64_t magic = expected_magic;
  static constexpr std::uint32_t oldest_version = 1;  ///< that is read

  std::uint32_t version = 2;
  std::uint32_t checksum = 0;  ///< CRC-32C of what is before it
};

struct EntryHeader {
  std::uint32_t checksum = 0;  ///< CRC-32C of what follows it, up to the next entry
  std::uint32_t size = 0;      ///< bytes of the body, without the zeros
  std::uint64_t ns = 0;        ///< CLOCK_MONOTONIC
  std::uint32_t number = 0;
  EntryKind kind = EntryKind::none;
  std::uint8_t queue = 0;
  std::uint8_t continued = 0;  ///< 1: the next entry has more of the body
};

struct GenerationBody {
  std::uint32_t completed = 0;  ///< its first request
  std::uint32_t served = 0;     ///< 1: the queue has a driver
};

/// As the driver wrote it. The input follows if the device was given the request.
struct RequestBody {
  std::uint64_t cookie = 0;
  std::uint32_t input_offset = 0, input_length = 0;
  std::uint32_t output_offset = 0, output_length = 0;
  std::uint32_t operation = 0;
  std::uint32_t flags = 0;
};

/// The output follows: as many bytes of it as `length` says and the request has.
struct CompletionBody {
  std::uint64_t cookie = 0;
  std::uint32_t status = 0, length = 0;
  std::uint64_t result = 0;
};

struct InterruptBody {
  std::uint64_t count = 0;  ///< how many became this one
};

struct AccessBody {
  static constexpr std::uint8_t config_space = 0xFF;  ///< in place of a BAR

  std::uint64_t offset = 0;
  std::uint32_t size = 0;  ///< bytes
  std::uint8_t bar = 0;
  std::uint8_t write = 0;  ///< 1: by the guest
  std::uint16_t unused = 0;
};

struct TransferBody {
  std::uint64_t address = 0;  ///< the guest's
  std::uint64_t size = 0;     ///< bytes
  std::uint32_t write = 0;    ///< 1: to the guest's memory
  std::uint32_t ended = 0;    ///< 1: at once, as `error` says
  std::uint32_t error = 0;    ///< an errno; 0: it was done
  std::uint32_t unused = 0;
};

struct TransferredBody {
  std::uint32_t error = 0;  ///< likewise
  std::uint32_t unused = 0;
};

struct WireBody {
  std::uint32_t kind = 0;  ///< a pci::InterruptKind
  std::uint32_t act = 0;   ///< a pci::WireAct
};

struct RegionBody {
  std::uint64_t first = 0, last = 0;  ///< the guest's addresses
};

struct ConfigWriteBody {
  std::uint32_t taken = 0;  ///< 0: the device refused it
  std::uint32_t unused = 0;
};

struct ChainBody {
  std::uint64_t readable = 0, writable = 0;  ///< bytes
};

struct ReturnedBody {
  std::uint64_t written = 0;  ///< bytes
};

static_assert(sizeof(JournalHeader) == 16);
static_assert(sizeof(EntryHeader) == 24);
static_assert(sizeof(GenerationBody) == 8);
static_assert(sizeof(RequestBody) == 32);
static_assert(sizeof(CompletionBody) == 24);
static_assert(sizeof(InterruptBody) == 8);
static_assert(sizeof(AccessBody) == 16);
static_assert(sizeof(TransferBody) == 32);
static_assert(sizeof(TransferredBody) == 8);
static_assert(sizeof(WireBody) == 8);
static_assert(sizeof(RegionBody) == 16);
static_assert(sizeof(ConfigWriteBody) == 8);
static_assert(sizeof(ChainBody) == 16);
static_assert(sizeof(ReturnedBody) == 8);

constexpr std::size_t entry_alignment = 8;
constexpr std::size_t most_piece = 64 << 10;         ///< bytes of body in one entry
constexpr std::size_t most_body = (64 << 20) + 256;  ///< in all pieces of one

/// Bytes that an entry takes in the file.
[[nodiscard]] constexpr std::size_t entry_size(std::size_t body) noexcept {
  return sizeof(EntryHeader) + (body + entry_alignment - 1) / entry_alignment * entry_alignment;
}

/// What is known of the run: "device", "kind" and the like. No name has a '=', no text a newline.
using Facts = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] std::string text_of(const Facts& facts);
/// EPROTO: that is no list of facts.
[[nodiscard]] Result<Facts> parse_facts(std::string_view text);

/// The bytes of an object that is written as it is.
template <class Object>
[[nodiscard]] std::span<const std::byte> bytes_of(const Object& object) noexcept {
  return std::as_bytes(std::span(&object, 1));
}

}  // namespace bellwire::replay
