// SPDX-License-Identifier: BSD-3-Clause
//
// Completions: the way of completed requests from a device's threads to the loop that runs the
// device. A list through the requests' slots, so nothing is allocated, and an eventfd that wakes
// the loop once for many. What the loop's own thread completes takes no atomic operation.
//
// A slot is whatever its owner keeps of a request in flight; it has a member `next`, a pointer to
// another slot, which is used here from add() to take().
//
// add() may be called from any thread, all else from the loop's.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "vdev/os/event_fd.hpp"

namespace bellwire {

template <class Slot>
class Completions {
 public:
  /// `event`: rung when there is something to take, and the loop may sleep. Several lists of one
  /// loop may share it.
  explicit Completions(std::shared_ptr<const os::EventFd> event) noexcept
      : event_(std::move(event)) {}
  Completions(const Completions&) = delete;
  /// Waits for threads that have not quite left add().
  ~Completions() {
    while (adding_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }

  void add(Slot& slot) noexcept {
    if (loop_.load(std::memory_order_relaxed) == std::this_thread::get_id())
      add_own(slot);
    else
      add_others(slot);
  }

  /// All that was completed, linked by `next`, roughly in that order. Null: nothing.
  [[nodiscard]] Slot* take() noexcept {
    Slot* others = nullptr;
    if (others_.load(std::memory_order_seq_cst) != nullptr) {
      auto* slot = others_.exchange(nullptr, std::memory_order_acquire);
      while (slot != nullptr) others = std::exchange(slot, std::exchange(slot->next, others));
    }
    if (first_ == nullptr) return others;
    last_->next = others;
    return std::exchange(first_, nullptr);
  }

  /// While one exists, the loop takes what is completed before it sleeps: its own thread need not
  /// wake it. The calling thread is the loop's from now on.
  class Turn {
   public:
    explicit Turn(Completions& completions) noexcept
        : completions_(completions), outer_(std::exchange(completions.in_turn_, true)) {
      completions_.loop_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    Turn(const Turn&) = delete;
    ~Turn() { completions_.in_turn_ = outer_; }

   private:
    Completions& completions_;
    const bool outer_;
  };

  /// The loop polls take() and need not be woken; or it will sleep: then take() once more.
  void set_awake(bool awake) noexcept { awake_.store(awake, std::memory_order_seq_cst); }
  void wake() const noexcept { event_->ring(); }
  [[nodiscard]] const os::EventFd& event() const noexcept { return *event_; }

 private:
  void add_own(Slot& slot) noexcept {
    slot.next = nullptr;
    if (first_ == nullptr && !in_turn_) wake();
    (first_ == nullptr ? first_ : last_->next) = &slot;
    last_ = &slot;
  }

  // The order of all threads (seq_cst) is between this and set_awake(false), take(): either the
  // loop sees the slot before it sleeps, or this sees that it will. Once the slot is in the list,
  // only `adding_` keeps this object alive.
  void add_others(Slot& slot) noexcept {
    adding_.fetch_add(1, std::memory_order_relaxed);
    auto* head = others_.load(std::memory_order_relaxed);
    do slot.next = head;
    while (!others_.compare_exchange_weak(head, &slot, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    if (head == nullptr && !awake_.load(std::memory_order_seq_cst)) wake();
    adding_.fetch_sub(1, std::memory_order_release);
  }

  std::shared_ptr<const os::EventFd> event_;
  std::atomic<std::thread::id> loop_{};
  Slot* first_ = nullptr;  // completed by the loop's thread
  Slot* last_ = nullptr;
  bool in_turn_ = false;
  alignas(64) std::atomic<Slot*> others_ = nullptr;  // by others; the last one first
  std::atomic<unsigned> adding_ = 0;                 // threads within add_others()
  std::atomic<bool> awake_ = false;
};

}  // namespace bellwire
