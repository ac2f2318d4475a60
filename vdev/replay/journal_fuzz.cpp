// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against a journal that somebody else wrote: its reader, and a device that it is
// replayed to. The input is a file as it is; or, since no fuzzer guesses a checksum, a list of
// entries whose checksums are made right. Whatever they say, nothing is read or written that isn't
// there, and what is wrong is refused with a line.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>
#include <sstream>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/fuzz/check.hpp"
#include "vdev/log/log.hpp"
#include "vdev/replay/journal_reader.hpp"
#include "vdev/replay/ring_replay.hpp"

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

// Entries that fit together better than chance has it.
std::string entries_from(FuzzedDataProvider& input) {
  std::string file;
  JournalHeader header;
  header.checksum = crc32c(bytes_of(header).first(offsetof(JournalHeader, checksum)));
  append(file, bytes_of(header));
  append_entry(file, {.kind = EntryKind::facts}, {});
  std::vector<std::byte> memory(memory_size);
  require(ring::format(memory, 2, BELLWIRE_MIN_RING_ENTRIES).has_value());
  const auto format = std::span(memory).first(sizeof(bellwire_format));
  append_entry(file, {.kind = EntryKind::attached}, format);
  while (input.remaining_bytes() > 0) {
    EntryHeader entry;
    entry.number = input.ConsumeBool() ? input.ConsumeIntegralInRange<std::uint32_t>(0, 15)
                                       : input.ConsumeIntegral<std::uint32_t>();
    entry.kind = static_cast<EntryKind>(input.ConsumeIntegralInRange(1, 12));
    entry.queue = input.ConsumeIntegralInRange<std::uint8_t>(0, 2);
    entry.continued = input.ConsumeIntegralInRange(0, 15) == 0 ? 1 : 0;
    const auto body =
        input.ConsumeBytes<std::byte>(input.ConsumeIntegralInRange<std::size_t>(0, 80));
    append_entry(file, entry, body);
  }
  return file;
}

// Memory costs time, and is refused by its size in one place.
bool too_large(const Entry& entry) {
  const auto format = body_as<bellwire_format>(entry);
  return entry.kind == EntryKind::attached && format && format->size > memory_size;
}

void replay_all(JournalReader& reader) {
  boost::asio::io_context context(1);
  Echo device;
  RingPlayer player(context, device, std::chrono::milliseconds(0));
  for (std::uint64_t ordinal = 1;; ++ordinal) {
    const auto entry = reader.next();
    if (!entry) return require(!entry.error().message.empty());
    if (!*entry) return;
    require((*entry)->ordinal == ordinal && (*entry)->body.size() <= most_body);
    require(!player.describe(**entry).empty());
    if (too_large(**entry)) return;
    const auto difference = player.play(**entry);
    if (!difference) return require(!difference.error().message.empty());
    if (*difference) return require(!(*difference)->what.empty());
  }
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
