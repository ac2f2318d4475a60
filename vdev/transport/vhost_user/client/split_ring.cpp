// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/split_ring.hpp"

#include <atomic>

namespace bellwire::vhost_user {
namespace {

// Of the rings' words, flags come first, then the index, then the entries.
constexpr std::size_t flags_word = 0;
constexpr std::size_t index_word = 1;
constexpr std::size_t first_entry = 2;

std::uint16_t load_word(const std::uint16_t* word) noexcept {
  return std::atomic_ref(*const_cast<std::uint16_t*>(word)).load(std::memory_order_acquire);
}

// Sequentially consistent: what is written here is compared with what the device writes meanwhile.
void store_word(std::uint16_t* word, std::uint16_t value) noexcept {
  std::atomic_ref(*word).store(value, std::memory_order_seq_cst);
}

}  // namespace

Result<SplitRing> SplitRing::create(GuestMemory& memory, std::uint16_t size, std::size_t piece) {
  SplitRing ring(memory, size);
  ring.descriptors_ = memory.allocate(size * sizeof(vring_desc), 16, piece);
  ring.available_ = memory.allocate((first_entry + size + 1) * sizeof(std::uint16_t), 2, piece);
  ring.used_ =
      memory.allocate(sizeof(std::uint16_t) * 3 + size * sizeof(vring_used_elem), 4, piece);
  if (ring.descriptors_ == 0 || ring.available_ == 0 || ring.used_ == 0)
    return fault(std::errc::not_enough_memory, "no room for a ring of {} entries", size);
  for (std::uint16_t index = size; index > 0; --index)
    ring.free_.push_back(static_cast<std::uint16_t>(index - 1));
  return ring;
}

std::uint16_t* SplitRing::available_word(std::size_t index) const noexcept {
  return memory_->as<std::uint16_t>(available_) + index;
}

void SplitRing::begin_at(std::uint16_t index) noexcept {
  next_ = taken_ = index;
  set_available_index(index);
  store_word(memory_->as<std::uint16_t>(used_) + index_word, index);
}

vring_desc& SplitRing::descriptor(std::uint16_t index) const noexcept {
  return memory_->as<vring_desc>(descriptors_)[index];
}

void SplitRing::write_chain(std::span<const Buffer> buffers,
                            std::span<const std::uint16_t> indices) {
  for (std::size_t at = 0; at < buffers.size(); ++at) {
    const bool last = at + 1 == indices.size();
    std::uint16_t flags = buffers[at].writable ? VRING_DESC_F_WRITE : 0;
    if (!last) flags |= VRING_DESC_F_NEXT;
    descriptor(indices[at]) = {buffers[at].address, buffers[at].size, flags,
                               last ? std::uint16_t{0} : indices[at + 1]};
  }
}

std::optional<std::uint16_t> SplitRing::describe(std::span<const Buffer> buffers) {
  if (buffers.empty() || buffers.size() > free_.size()) return std::nullopt;
  std::vector<std::uint16_t> indices;
  for (std::size_t at = 0; at < buffers.size(); ++at) {
    indices.push_back(free_.back());
    free_.pop_back();
  }
  write_chain(buffers, indices);
  const auto first = indices.front();
  chains_[first] = std::move(indices);
  return first;
}

std::optional<std::uint16_t> SplitRing::describe_indirect(std::span<const Buffer> before,
                                                          std::span<const Buffer> in_table,
                                                          std::uint16_t flags) {
  const auto bytes = static_cast<std::uint32_t>(in_table.size() * sizeof(vring_desc));
  const auto place = memory_->allocate(bytes, 16);
  std::vector<Buffer> outer(before.begin(), before.end());
  outer.push_back({place, bytes, false});
  const auto first = place == 0 ? std::nullopt : describe(outer);
  if (!first) return first;
  auto* const table = memory_->as<vring_desc>(place);
  for (std::size_t at = 0; at < in_table.size(); ++at) {
    const bool last = at + 1 == in_table.size();
    const auto kind = in_table[at].writable ? VRING_DESC_F_WRITE : 0;
    table[at] = {in_table[at].address, in_table[at].size,
                 static_cast<std::uint16_t>(kind | (last ? 0 : VRING_DESC_F_NEXT)),
                 static_cast<std::uint16_t>(last ? 0 : at + 1)};
  }
  descriptor(chains_[*first].back()).flags =
      static_cast<std::uint16_t>(VRING_DESC_F_INDIRECT | flags);
  return first;
}

void SplitRing::offer(std::uint16_t head) noexcept {
  *available_word(first_entry + next_ % size_) = head;
  set_available_index(++next_);
}

void SplitRing::set_available_index(std::uint16_t index) noexcept {
  store_word(available_word(index_word), index);
}

std::uint16_t SplitRing::used_index() const noexcept {
  return load_word(memory_->as<std::uint16_t>(used_) + index_word);
}

std::optional<vring_used_elem> SplitRing::take() {
  if (used_index() == taken_) return std::nullopt;
  const auto* const entries = reinterpret_cast<const vring_used_elem*>(
      memory_->at(used_) + first_entry * sizeof(std::uint16_t));
  const auto entry = entries[taken_++ % size_];
  if (const auto chain = chains_.find(static_cast<std::uint16_t>(entry.id));
      chain != chains_.end()) {
    free_.insert(free_.end(), chain->second.begin(), chain->second.end());
    chains_.erase(chain);
  }
  return entry;
}

void SplitRing::set_available_flags(std::uint16_t flags) noexcept {
  store_word(available_word(flags_word), flags);
}

void SplitRing::set_used_event(std::uint16_t index) noexcept {
  store_word(available_word(first_entry + size_), index);
}

std::uint16_t SplitRing::used_flags() const noexcept {
  return load_word(memory_->as<std::uint16_t>(used_) + flags_word);
}

std::uint16_t SplitRing::available_event() const noexcept {
  const auto* const words = memory_->as<std::uint16_t>(used_);
  return load_word(words + first_entry +
                   std::size_t{size_} * sizeof(vring_used_elem) / sizeof(std::uint16_t));
}

}  // namespace bellwire::vhost_user
