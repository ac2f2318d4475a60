// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/trace.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "vdev/ring/words.hpp"

namespace bellwire::ring {
namespace {

// Acquire: so that the following read of `written` happens later.
bellwire_record copy_record(const bellwire_record& from) noexcept {
  const auto* words = reinterpret_cast<const std::uint64_t*>(&from);
  return std::bit_cast<bellwire_record>(
      std::array<std::uint64_t, 2>{load(words[0], acquire), load(words[1], acquire)});
}

}  // namespace

TraceReader::TraceReader(const Queue& queue, bellwire_side side)
    : written_(&queue.control->sides[side].written),
      records_(queue.records_of(side)),
      read_(load(*written_, acquire)) {}

void TraceReader::drain(std::vector<bellwire_record>& into) {
  const auto written = load(*written_, acquire);
  if (records_.empty() || written == read_) return;
  if (written - read_ > records_.size()) skip(written - read_ - records_.size());
  const auto before = into.size();
  for (auto at = read_; at != written; ++at)
    into.push_back(copy_record(records_[at & (records_.size() - 1)]));
  // The record that is being written now overwrites the oldest complete one.
  const auto behind = load(*written_, acquire) - read_;
  if (behind >= records_.size()) {
    const auto spoilt = std::min(behind - records_.size() + 1, written - read_);
    const auto first = into.begin() + static_cast<std::ptrdiff_t>(before);
    into.erase(first, first + static_cast<std::ptrdiff_t>(spoilt));
    skip(spoilt);
  }
  read_ = written;
}

void TraceReader::skip(std::uint64_t count) noexcept {
  read_ += count;
  lost_ += std::min(count, std::numeric_limits<std::uint64_t>::max() - lost_);
}

}  // namespace bellwire::ring
