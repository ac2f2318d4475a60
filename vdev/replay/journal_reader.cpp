// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/journal_reader.hpp"

#include <algorithm>
#include <cstring>

#include "vdev/core/crc32c.hpp"

namespace bellwire::replay {
namespace {

// Returns how many there were.
std::size_t read(std::istream& in, std::span<std::byte> into) {
  in.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
  return static_cast<std::size_t>(in.gcount());
}

template <class Object>
bool read_object(std::istream& in, Object& object) {
  return read(in, std::as_writable_bytes(std::span(&object, 1))) == sizeof object;
}

bool same_entry(const EntryHeader& one, const EntryHeader& other) noexcept {
  return one.kind == other.kind && one.queue == other.queue && one.number == other.number;
}

}  // namespace

Result<JournalReader> JournalReader::create(std::istream& in, std::string name) {
  JournalReader reader(in, std::move(name));
  if (auto read = reader.read_header(); !read) return read.error();
  if (auto read = reader.read_facts(); !read) return read.error();
  return reader;
}

std::string_view JournalReader::fact(std::string_view name) const noexcept {
  const auto found = facts_.find(name);
  return found == facts_.end() ? std::string_view() : found->second;
}

Result<void> JournalReader::read_header() {
  JournalHeader header;
  const bool whole = read_object(*in_, header);
  if (!whole || header.magic != JournalHeader::expected_magic)
    return fault(std::errc::protocol_error,
                 "'{}' is not a recording: `bellwire device … --record FILE` makes one", name_);
  if (header.checksum != crc32c(bytes_of(header).first(offsetof(JournalHeader, checksum))))
    return fault(std::errc::protocol_error, "'{}' is damaged: the checksum of its header is wrong",
                 name_);
  if (header.version < JournalHeader::oldest_version || header.version > JournalHeader().version)
    return fault(std::errc::protocol_error,
                 "'{}' is a recording of version {}, and this program reads versions {} to {}",
                 name_, header.version, JournalHeader::oldest_version, JournalHeader().version);
  position_ = sizeof header;
  return {};
}

Result<void> JournalReader::read_facts() {
  const auto first = next();
  if (!first) return first.error();
  if (!*first || (*first)->kind != EntryKind::facts)
    return fault(std::errc::protocol_error, "'{}' is damaged: it does not begin with its facts",
                 name_);
  const auto body = (*first)->body;
  auto facts = parse_facts({reinterpret_cast<const char*>(body.data()), body.size()});
  if (!facts) return fault(std::errc::protocol_error, "'{}': {}", name_, facts.error().message);
  facts_ = std::move(*facts);
  ordinal_ = 0;
  return {};
}

Error JournalReader::cut(std::string_view why) const {
  return fault(std::errc::protocol_error, "'{}' is cut at entry {} (byte {}): {}", name_,
               grouped(ordinal_ + 1), grouped(position_), why);
}

// Of one entry of the file, which is then in piece_.
Result<EntryHeader> JournalReader::read_piece() {
  EntryHeader header;
  const bool whole = read_object(*in_, header);
  if (!whole || header.kind == EntryKind::none)
    return cut("it was not written to its end, or not copied whole");
  if (header.size > most_piece) return cut(text("an entry of {} bytes is too large", header.size));
  piece_.resize(entry_size(header.size));
  std::memcpy(piece_.data(), &header, sizeof header);
  if (const auto rest = std::span(piece_).subspan(sizeof header); read(*in_, rest) != rest.size())
    return cut("it was not written to its end, or not copied whole");
  if (header.checksum != crc32c(std::span(piece_).subspan(sizeof header.checksum)))
    return cut("the checksum of the entry is wrong");
  return header;
}

Result<std::optional<Entry>> JournalReader::next() {
  if (ended_) return std::optional<Entry>();
  auto header = read_piece();
  if (!header) return header.error();
  const auto first = *header;
  auto size = piece_.size();
  body_.assign(piece_.begin() + sizeof first, piece_.begin() + sizeof first + first.size);
  while (header->continued != 0) {
    header = read_piece();
    if (!header) return header.error();
    if (!same_entry(*header, first)) return cut("the entry goes on as another");
    if (body_.size() + header->size > most_body) return cut("the entry is too large");
    const auto more = std::span(piece_).subspan(sizeof first, header->size);
    body_.insert(body_.end(), more.begin(), more.end());
    size += piece_.size();
  }
  ended_ = first.kind == EntryKind::end;
  const Entry entry{first.kind, first.queue, first.number, first.ns, body_, ++ordinal_, position_};
  position_ += size;
  return std::optional(entry);
}

}  // namespace bellwire::replay
