// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/completions.hpp"

namespace bellwire::virtio {

void Request::finish(std::uint32_t written) noexcept {
  if (slot_ == nullptr) return;
  auto& slot = *std::exchange(slot_, nullptr);
  slot.written = written;
  slot.completions->add(slot);
}

Completions::~Completions() {
  while (adding_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
}

void Completions::add(RequestSlot& slot) noexcept {
  if (loop_.load(std::memory_order_relaxed) == std::this_thread::get_id())
    add_own(slot);
  else
    add_others(slot);
}

void Completions::add_own(RequestSlot& slot) noexcept {
  slot.next = nullptr;
  if (first_ == nullptr && !in_turn_) wake();
  (first_ == nullptr ? first_ : last_->next) = &slot;
  last_ = &slot;
}

// The order of all threads (seq_cst) is between this and set_awake(false), take(): either the loop
// sees the slot before it sleeps, or this sees that it will. Once the slot is in the list, only
// `adding_` keeps this object alive.
void Completions::add_others(RequestSlot& slot) noexcept {
  adding_.fetch_add(1, std::memory_order_relaxed);
  auto* head = others_.load(std::memory_order_relaxed);
  do slot.next = head;
  while (!others_.compare_exchange_weak(head, &slot, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
  if (head == nullptr && !awake_.load(std::memory_order_seq_cst)) wake();
  adding_.fetch_sub(1, std::memory_order_release);
}

RequestSlot* Completions::take() noexcept {
  RequestSlot* others = nullptr;
  if (others_.load(std::memory_order_seq_cst) != nullptr) {
    auto* slot = others_.exchange(nullptr, std::memory_order_acquire);
    while (slot != nullptr) others = std::exchange(slot, std::exchange(slot->next, others));
  }
  if (first_ == nullptr) return others;
  last_->next = others;
  return std::exchange(first_, nullptr);
}

}  // namespace bellwire::virtio
