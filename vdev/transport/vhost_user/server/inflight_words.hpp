// SPDX-License-Identifier: BSD-3-Clause
//
// Words of an inflight region. This process may be killed between any two stores, and they must
// have happened in their order: that is up to the compiler alone, since whoever reads them does so
// after the process has ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "vdev/ring/words.hpp"

namespace bellwire::vhost_user {

using ring::load;
using ring::relaxed;

template <class Word>
void note(Word& word, std::type_identity_t<Word> value) noexcept {
  ring::store(word, value, relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// The entries that are in flight, by their counter.
template <class Entry>
std::vector<std::uint16_t> in_order(std::span<Entry> entries) {
  struct Found {
    std::uint64_t counter;
    std::uint16_t index;
  };
  std::vector<Found> found;
  for (std::size_t index = 0; index < entries.size(); ++index)
    if (load(entries[index].inflight, relaxed) != 0)
      found.push_back({load(entries[index].counter, relaxed), static_cast<std::uint16_t>(index)});
  std::ranges::sort(found, {}, [](const Found& one) { return std::pair(one.counter, one.index); });
  std::vector<std::uint16_t> indexes;
  for (const auto& one : found) indexes.push_back(one.index);
  return indexes;
}

}  // namespace bellwire::vhost_user
