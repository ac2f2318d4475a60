// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against a journal that somebody else wrote: its reader, and a device that it is
// replayed to, on rings, as a PCI function or as a virtio device. The input is a file as it is; or,
// since no fuzzer guesses a checksum, a list of entries whose checksums are made right. Whatever
// they say, nothing is read or written that isn't there, and what is wrong is refused with a line.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>
#include <sstream>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/blk/blk.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/devices/edu.hpp"
#include "vdev/fuzz/check.hpp"
#include "vdev/log/log.hpp"
#include "vdev/replay/function_replay.hpp"
#include "vdev/replay/journal_reader.hpp"
#include "vdev/replay/ring_replay.hpp"
#include "vdev/replay/virtio_replay.hpp"

using namespace bellwire;
using namespace bellwire::replay;

namespace {

using fuzz::require;

constexpr std::uint64_t memory_size = 64 << 10;

void append(std::string& to, std::span<const std::byte> bytes) {
  to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void append_entry(std::string& to, EntryHeader header, std::span<const std::byte> body) {
  header.size = static_cast<std::uint32_t>(body.size());
  std::string entry;
  append(entry, bytes_of(header));
  append(entry, body);
  entry.resize(entry_size(body.size()));
  const auto checksum = crc32c(std::as_bytes(std::span(entry)).subspan(sizeof header.checksum));
  std::memcpy(entry.data(), &checksum, sizeof checksum);
  to += entry;
}

// An access that edu knows what to do with, perhaps.
std::vector<std::byte> access_from(FuzzedDataProvider& input) {
  const AccessBody body{
      .offset = input.ConsumeIntegralInRange<std::uint64_t>(0, 0x28) * 4,
      .size = input.PickValueInArray<std::uint32_t>({1, 2, 4, 8}),
      .bar = input.PickValueInArray<std::uint8_t>({0, 0, 0, AccessBody::config_space}),
      .write = input.ConsumeBool() ? std::uint8_t{1} : std::uint8_t{0}};
  const auto head = bytes_of(body);
  std::vector<std::byte> bytes(head.begin(), head.end());
  const auto value = input.ConsumeBytes<std::byte>(body.write != 0 ? body.size : 0);
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}

// Entries that fit together better than chance has it.
std::string entries_from(FuzzedDataProvider& input) {
  std::string file;
  JournalHeader header;
  header.checksum = crc32c(bytes_of(header).first(offsetof(JournalHeader, checksum)));
  append(file, bytes_of(header));
  const auto facts =
      input.PickValueInArray<std::string_view>({"", "kind=function\n", "kind=virtio\n"});
  append_entry(file, {.kind = EntryKind::facts}, std::as_bytes(std::span(facts)));
  if (facts.empty()) {
    std::vector<std::byte> memory(memory_size);
    require(ring::format(memory, 2, BELLWIRE_MIN_RING_ENTRIES).has_value());
    const auto format = std::span(memory).first(sizeof(bellwire_format));
    append_entry(file, {.kind = EntryKind::attached}, format);
  }
  while (input.remaining_bytes() > 0) {
    EntryHeader entry;
    entry.number = input.ConsumeBool() ? input.ConsumeIntegralInRange<std::uint32_t>(0, 15)
                                       : input.ConsumeIntegral<std::uint32_t>();
    entry.kind = static_cast<EntryKind>(
        input.ConsumeIntegralInRange<std::uint16_t>(1, static_cast<std::uint16_t>(entry_kinds)));
    entry.queue = input.ConsumeIntegralInRange<std::uint8_t>(0, 2);
    entry.continued = input.ConsumeIntegralInRange(0, 15) == 0 ? 1 : 0;
    const auto size = input.ConsumeIntegralInRange<std::size_t>(0, 80);
    const bool access = entry.kind == EntryKind::access;
    append_entry(file, entry, access ? access_from(input) : input.ConsumeBytes<std::byte>(size));
  }
  return file;
}

// Memory costs time, and is refused by its size in one place.
bool too_large(const Entry& entry) {
  const auto format = body_as<bellwire_format>(entry);
  return entry.kind == EntryKind::attached && format && format->size > memory_size;
}

constexpr std::chrono::milliseconds no_patience{0};

void play_all(const NextEntry& next, Player& player) {
  for (;;) {
    const auto entry = next();
    if (!entry) return require(!entry.error().message.empty());
    if (!*entry) return;
    require(!player.describe(**entry).empty());
    if (too_large(**entry)) return;
    const auto difference = player.play(**entry);
    if (!difference) return require(!difference.error().message.empty());
    if (*difference) return require(!(*difference)->what.empty());
  }
}

void replay_all(JournalReader& reader) {
  boost::asio::io_context context(1);
  std::uint64_t ordinal = 0;
  const NextEntry next = [&] {
    auto entry = reader.next();
    if (entry && *entry)
      require((*entry)->ordinal == ++ordinal && (*entry)->body.size() <= most_body);
    return entry;
  };
  if (reader.fact("kind") == "function") {
    edu::Edu device;
    FunctionPlayer player(context, device, next, no_patience);
    return play_all(next, player);
  }
  if (reader.fact("kind") == "virtio") {
    const auto device = blk::Blk::create(os::DiskFile::of_memory(memory_size).value()).value();
    const auto player =
        VirtioPlayer::create(context, *device, Answers::determined, no_patience).value();
    return play_all(next, *player);
  }
  Echo device;
  RingPlayer player(context, device, no_patience);
  play_all(next, player);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  log::set_level(log::Level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  std::istringstream in(input.ConsumeBool() ? input.ConsumeRemainingBytesAsString()
                                            : entries_from(input));
  auto reader = JournalReader::create(in, "it");
  if (!reader)
    require(!reader.error().message.empty());
  else
    replay_all(*reader);
  return 0;
}
