// SPDX-License-Identifier: BSD-3-Clause
//
// JournalWriter: writes a journal while the device works. An entry is written in place, into a part
// of the file that is mapped: without a system call, and kept by the kernel even if the process is
// killed at the next instruction. A thread prepares the next part, and lets go of the last one.
//
// add() is called by one thread, the device's; it waits only if the disk is slower than the device.
// Something that goes wrong (a full disk, the limit) ends the journal, and never the device: the
// log says so once, and what was written until then is usable.
#pragma once

#include <condition_variable>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "vdev/os/written_file.hpp"
#include "vdev/replay/journal.hpp"

namespace bellwire::replay {

struct JournalCounts {
  std::uint64_t requests = 0;  ///< entries of that kind, and of each access to a register
  std::uint64_t bytes = 0;     ///< in the file
  bool limited = false;        ///< the limit ended it
};

class JournalWriter {
 public:
  static constexpr std::uint64_t usual_limit = std::uint64_t{1} << 30;
  static constexpr std::uint64_t least_limit = std::uint64_t{1} << 20;
  static constexpr std::uint64_t most_limit = std::uint64_t{1} << 50;

  /// Begins with the facts. An older journal of that name is overwritten, another file is not.
  /// `limit`: bytes, at least least_limit. EEXIST: the file is something else. EBUSY: another
  /// process writes it. EINVAL: it is no regular file. EACCES, ENOENT, ENOSPC and the like.
  [[nodiscard]] static Result<std::unique_ptr<JournalWriter>> create(const std::string& path,
                                                                     const Facts& facts,
                                                                     std::uint64_t limit);
  JournalWriter(const JournalWriter&) = delete;
  ~JournalWriter();

  /// The body is the parts, one behind the other.
  void add(EntryKind kind, unsigned queue, std::uint32_t number,
           std::initializer_list<std::span<const std::byte>> parts) noexcept;
  /// The body is the head, then `size` bytes of the parts, which have so many. Of const bytes or
  /// others.
  template <class Byte>
  void add(EntryKind kind, unsigned queue, std::uint32_t number, std::span<const std::byte> head,
           std::span<const std::span<Byte>> parts, std::uint64_t size) noexcept;

  /// Adds the end, and cuts the file there. What went wrong before is reported here again.
  [[nodiscard]] Result<JournalCounts> finish();

 private:
  // A part of the file.
  struct Window {
    os::Mapping memory;
    std::uint64_t begin;
    [[nodiscard]] std::uint64_t end() const noexcept { return begin + memory.size(); }
  };
  static constexpr std::uint64_t window_size = 4 << 20;
  // What two windows have in common, so that each entry is within one.
  static constexpr std::uint64_t overlap = 128 << 10;

  JournalWriter(std::string path, os::WrittenFile file, std::uint64_t limit);
  [[nodiscard]] Result<std::unique_ptr<Window>> prepare(std::uint64_t begin);
  void run();
  void prepare_next(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool move_on() noexcept;
  [[nodiscard]] std::byte* place_for(std::size_t size) noexcept;
  // `copy(from, into)` copies a part of the body, of `size` bytes in all.
  template <class Copy>
  void add_body(EntryKind kind, unsigned queue, std::uint32_t number, std::uint64_t size,
                const Copy& copy) noexcept;
  template <class Copy>
  [[nodiscard]] bool add_piece(EntryHeader header, std::size_t from, const Copy& copy) noexcept;
  void add_end(EndReason reason) noexcept;
  void give_up(const std::string& why) noexcept;

  const std::string path_;
  const os::WrittenFile file_;
  const std::uint64_t limit_;
  std::unique_ptr<Window> window_;
  std::uint64_t position_ = 0;  // of the next entry
  EntryKind last_kind_ = EntryKind::none;
  std::uint64_t now_ = 0;  // of it
  JournalCounts counts_;
  std::optional<Error> failed_;
  bool ended_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Window> next_;     // the helper's answer …
  std::optional<Error> no_next_;     // … or why there is none
  std::unique_ptr<Window> retired_;  // for the helper to let go of
  std::uint64_t wanted_ = 0;         // where the next window begins
  bool stops_ = false;
  std::thread helper_;  // goes first
};

}  // namespace bellwire::replay
