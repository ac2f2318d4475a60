// SPDX-License-Identifier: BSD-3-Clause
//
// Completions: the way of completed requests from the device's threads to the backend's loop. A
// list through the requests' slots, so nothing is allocated, and an eventfd that wakes the loop
// once for many. What the loop's own thread completes takes no atomic operation.
//
// add() may be called from any thread, all else from the loop's.
#pragma once

#include <atomic>
#include <thread>

#include "vdev/os/event_fd.hpp"
#include "vdev/virtio/request.hpp"

namespace bellwire::virtio {

class Completions {
 public:
  /// `event`: rung when there is something to take, and the loop may sleep.
  explicit Completions(os::EventFd event) noexcept : event_(std::move(event)) {}
  Completions(const Completions&) = delete;
  /// Waits for threads that have not quite left add().
  ~Completions();

  void add(RequestSlot& slot) noexcept;

  /// All that was completed, linked by `next`, roughly in that order. Null: nothing.
  [[nodiscard]] RequestSlot* take() noexcept;

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
  void wake() const noexcept { event_.ring(); }
  [[nodiscard]] const os::EventFd& event() const noexcept { return event_; }

 private:
  void add_own(RequestSlot& slot) noexcept;
  void add_others(RequestSlot& slot) noexcept;

  os::EventFd event_;
  std::atomic<std::thread::id> loop_{};
  RequestSlot* first_ = nullptr;  // completed by the loop's thread
  RequestSlot* last_ = nullptr;
  bool in_turn_ = false;
  alignas(64) std::atomic<RequestSlot*> others_ = nullptr;  // by others; the last one first
  std::atomic<unsigned> adding_ = 0;                        // threads within add_others()
  std::atomic<bool> awake_ = false;
};

}  // namespace bellwire::virtio
