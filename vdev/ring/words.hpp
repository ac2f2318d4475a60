// SPDX-License-Identifier: BSD-3-Clause
//
// Access to words that another process writes at the same time. There are no fences: every ordering
// is attached to a load or a store, so that ThreadSanitizer understands it. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "vdev/core/timestamp.hpp"

namespace bellwire::ring {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto in_order = std::memory_order_seq_cst;  // one of the four of "Publishing"

template <class Word>
Word load(const Word& word, std::memory_order order) noexcept {
  return std::atomic_ref<Word>(const_cast<Word&>(word)).load(order);
}

template <class Word>
void store(Word& word, std::type_identity_t<Word> value, std::memory_order order) noexcept {
  std::atomic_ref<Word>(word).store(value, order);
}

/// Makes `to` a private copy of an entry and reads each word exactly once, so that what is checked
/// is what is used. It copies word by word into place: wider loads would wait for all earlier
/// stores.
template <class Entry>
void copy_once(const Entry& entry, Entry& to) noexcept {
  static_assert(sizeof(Entry) % sizeof(std::uint64_t) == 0);
  const auto* from = reinterpret_cast<const std::uint64_t*>(&entry);
  auto* place = reinterpret_cast<std::byte*>(&to);
  for (std::size_t done = 0; done < sizeof(Entry); done += sizeof(std::uint64_t)) {
    const auto word = load(*from++, relaxed);
    std::memcpy(place + done, &word, sizeof word);
  }
}

template <class Entry>
Entry copy_once(const Entry& entry) noexcept {
  Entry copy;
  copy_once(entry, copy);
  return copy;
}

using bellwire::timestamp;
using bellwire::timestamp_after_loads;

}  // namespace bellwire::ring
