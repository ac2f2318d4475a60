// SPDX-License-Identifier: BSD-3-Clause
//
// How this side touches words that another process writes at the same time. No fences: each order
// belongs to a load or a store, so that ThreadSanitizer can follow it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

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

/// Makes `to` a private copy of an entry, each word read exactly once: what is checked is what is
/// used. Word by word into its place: a detour by wider loads would wait for all stores before it.
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

/// The clock of the ring's timestamps. It may run ahead of loads that stand before it.
inline std::uint64_t timestamp() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// The same, after all loads that stand before it.
inline std::uint64_t timestamp_after_loads() noexcept {
#if defined(__x86_64__)
  _mm_lfence();
#endif
  return timestamp();
}

}  // namespace bellwire::ring
