// SPDX-License-Identifier: BSD-3-Clause
//
// JournalReader: reads a journal, whoever wrote it: each number is checked, and no more memory is
// used than the largest request takes. One thread.
#pragma once

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "vdev/replay/journal.hpp"

namespace bellwire::replay {

struct Entry {
  EntryKind kind = EntryKind::none;
  unsigned queue = 0;
  std::uint32_t number = 0;
  std::uint64_t ns = 0;             ///< CLOCK_MONOTONIC of the machine that recorded
  std::span<const std::byte> body;  ///< until the next call of next()
  std::uint64_t ordinal = 0;        ///< of the entry in the file, from 1 on
  std::uint64_t position = 0;       ///< of its first byte
};

class JournalReader {
 public:
  /// Reads up to the facts. `in` must outlive it; `name` is for messages. EPROTO: it is not a
  /// journal, it is of another version, or its beginning is damaged.
  [[nodiscard]] static Result<JournalReader> create(std::istream& in, std::string name);

  [[nodiscard]] const Facts& facts() const noexcept { return facts_; }
  /// Empty: there is no such fact.
  [[nodiscard]] std::string_view fact(std::string_view name) const noexcept;

  /// The next entry, without the facts; the last one is `end`, and nothing follows it. EPROTO: the
  /// file is cut or damaged there; what was read before is right.
  [[nodiscard]] Result<std::optional<Entry>> next();

 private:
  JournalReader(std::istream& in, std::string name) : in_(&in), name_(std::move(name)) {}
  [[nodiscard]] Result<void> read_header();
  [[nodiscard]] Result<void> read_facts();
  [[nodiscard]] Result<EntryHeader> read_piece();
  [[nodiscard]] Error cut(std::string_view why) const;

  std::istream* in_;
  std::string name_;
  Facts facts_;
  std::vector<std::byte> piece_;  // an entry, as it is in the file
  std::vector<std::byte> body_;   // of several
  std::uint64_t position_ = 0;
  std::uint64_t ordinal_ = 0;
  bool ended_ = false;
};

}  // namespace bellwire::replay
