// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/journal_writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "vdev/core/crc32c.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/thread.hpp"

namespace bellwire::replay {
namespace {

bool is_journal(std::span<const std::byte> first) noexcept {
  JournalHeader header;
  if (first.size() < sizeof header) return false;
  std::memcpy(&header, first.data(), sizeof header);
  return header.magic == JournalHeader::expected_magic;
}

// Copies what follows the first `from` bytes of all parts; returns what of `into` is left.
template <class Parts>
std::span<std::byte> copy_from(const Parts& parts, std::size_t& from, std::span<std::byte> into) {
  for (const auto& part : parts) {
    const auto skipped = std::min(from, part.size());
    from -= skipped;
    const auto bytes = part.subspan(skipped).first(std::min(part.size() - skipped, into.size()));
    std::ranges::copy(bytes, into.begin());
    into = into.subspan(bytes.size());
  }
  return into;
}

std::uint64_t now() noexcept {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::create(const std::string& path,
                                                             const Facts& facts,
                                                             std::uint64_t limit) {
  auto file = os::WrittenFile::create(path, is_journal);
  if (!file) return file.error();
  std::unique_ptr<JournalWriter> writer(new JournalWriter(path, std::move(*file), limit));
  auto first = writer->prepare(0);
  if (!first) return first.error();
  writer->window_ = std::move(*first);
  writer->wanted_ = writer->window_->end() - overlap;
  JournalHeader header;
  header.checksum = crc32c(bytes_of(header).first(offsetof(JournalHeader, checksum)));
  std::memcpy(writer->window_->memory.data(), &header, sizeof header);
  writer->position_ = sizeof header;
  const auto known = text_of(facts);
  writer->add(EntryKind::facts, 0, 0, {std::as_bytes(std::span(known))});
  writer->helper_ = os::start_thread([self = writer.get()] { self->run(); });
  return writer;
}

JournalWriter::JournalWriter(std::string path, os::WrittenFile file, std::uint64_t limit)
    : path_(std::move(path)), file_(std::move(file)), limit_(limit) {}

JournalWriter::~JournalWriter() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  if (helper_.joinable()) helper_.join();
}

Result<std::unique_ptr<JournalWriter::Window>> JournalWriter::prepare(std::uint64_t begin) {
  auto memory = file_.map(begin, window_size);
  if (!memory) return memory.error();
  return std::unique_ptr<Window>(new Window{std::move(*memory), begin});
}

// The helper.
void JournalWriter::run() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    if (auto retired = std::move(retired_)) {
      lock.unlock();
      retired.reset();
      lock.lock();
    } else if (!next_ && !no_next_) {
      prepare_next(lock);
    } else {
      changed_.wait(lock);
    }
  }
}

void JournalWriter::prepare_next(std::unique_lock<std::mutex>& lock) {
  const auto begin = wanted_;
  lock.unlock();
  auto window = prepare(begin);
  lock.lock();
  if (window)
    next_ = std::move(*window);
  else
    no_next_ = window.error();
  changed_.notify_all();
}

bool JournalWriter::move_on() noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return next_ || no_next_; });
  if (!next_) return false;
  retired_ = std::exchange(window_, std::move(next_));
  wanted_ = window_->end() - overlap;
  changed_.notify_all();
  return true;
}

// Null: there is none, and there will be none.
std::byte* JournalWriter::place_for(std::size_t size) noexcept {
  if (position_ + size > window_->end() && !move_on()) {
    give_up(no_next_->message);
    return nullptr;
  }
  return window_->memory.data() + (position_ - window_->begin);
}

void JournalWriter::give_up(const std::string& why) noexcept {
  failed_ = Error{std::make_error_code(std::errc::io_error), why};
  ended_ = true;
  log::warning("the recording ends here, and the device goes on: {}", why);
}

// The clock is read once for entries of one kind that follow each other; but the time between
// accesses counts in a replay.
template <class Copy>
void JournalWriter::add_body(EntryKind kind, unsigned queue, std::uint32_t number,
                             std::uint64_t size, const Copy& copy) noexcept {
  if (kind != std::exchange(last_kind_, kind) || kind == EntryKind::access) now_ = now();
  if (!ended_ && size > most_body)
    return give_up(
        text("{} bytes at once are more than a recording's {}", grouped(size), grouped(most_body)));
  EntryHeader header{
      .ns = now_, .number = number, .kind = kind, .queue = static_cast<std::uint8_t>(queue)};
  std::size_t done = 0;
  do {
    header.size = static_cast<std::uint32_t>(std::min(size - done, most_piece));
    header.continued = done + header.size < size ? 1 : 0;
    if (!add_piece(header, done, copy)) return;
    done += header.size;
  } while (done < size);
  if (kind == EntryKind::request || kind == EntryKind::access || kind == EntryKind::chain)
    ++counts_.requests;
}

void JournalWriter::add(EntryKind kind, unsigned queue, std::uint32_t number,
                        std::initializer_list<std::span<const std::byte>> parts) noexcept {
  std::size_t size = 0;
  for (const auto& part : parts) size += part.size();
  add_body(kind, queue, number, size, [&parts](std::size_t from, std::span<std::byte> into) {
    (void)copy_from(parts, from, into);
  });
}

template <class Byte>
void JournalWriter::add(EntryKind kind, unsigned queue, std::uint32_t number,
                        std::span<const std::byte> head, std::span<const std::span<Byte>> parts,
                        std::uint64_t size) noexcept {
  add_body(kind, queue, number, head.size() + size,
           [&head, &parts](std::size_t from, std::span<std::byte> into) {
             const auto left = copy_from(std::span(&head, 1), from, into);
             (void)copy_from(parts, from, left);
           });
}
template void JournalWriter::add(EntryKind, unsigned, std::uint32_t, std::span<const std::byte>,
                                 std::span<const std::span<std::byte>>, std::uint64_t) noexcept;
template void JournalWriter::add(EntryKind, unsigned, std::uint32_t, std::span<const std::byte>,
                                 std::span<const std::span<const std::byte>>,
                                 std::uint64_t) noexcept;

// `header.size` bytes of the body. Room for the end is always left.
template <class Copy>
bool JournalWriter::add_piece(EntryHeader header, std::size_t from, const Copy& copy) noexcept {
  if (ended_) return false;
  const auto size = entry_size(header.size);
  if (header.kind != EntryKind::end && position_ + size + entry_size(0) > limit_) {
    add_end(EndReason::limit);
    return false;
  }
  auto* const at = place_for(size);
  if (at == nullptr) return false;
  auto* const to = at + sizeof header;
  copy(from, std::span(to, header.size));
  std::fill(to + header.size, at + size, std::byte{0});
  std::memcpy(at, &header, sizeof header);
  const auto checksum = crc32c({at + sizeof header.checksum, size - sizeof header.checksum});
  std::memcpy(at, &checksum, sizeof checksum);
  position_ += size;
  return true;
}

void JournalWriter::add_end(EndReason reason) noexcept {
  const EntryHeader end{
      .ns = now(), .number = static_cast<std::uint32_t>(reason), .kind = EntryKind::end};
  if (!add_piece(end, 0, [](std::size_t, std::span<std::byte>) {})) return;
  ended_ = true;
  counts_.limited = reason == EndReason::limit;
  if (counts_.limited)
    log::warning(
        "the recording '{}' ends here, at its limit of {} bytes (--record-limit); the "
        "device goes on",
        path_, grouped(limit_));
}

Result<JournalCounts> JournalWriter::finish() {
  if (!ended_) add_end(EndReason::whole);
  ended_ = true;
  counts_.bytes = position_;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  helper_.join();
  const auto cut = file_.cut(position_);
  if (failed_) return *failed_;
  if (!cut) return cut.error();
  return counts_;
}

}  // namespace bellwire::replay
