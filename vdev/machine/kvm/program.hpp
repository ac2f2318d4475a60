// SPDX-License-Identifier: BSD-3-Clause
//
// Program: one of our guests (guest.inc) in a virtual machine. KickTimer: makes the thread that
// runs it leave KVM_RUN regularly. On that thread.
#pragma once

#include <time.h>

#include <chrono>
#include <utility>

#include "vdev/machine/kvm/guest_layout.h"
#include "vdev/machine/kvm/vm.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::kvm {

/// The memory of an assembled guest, and a CPU that is about to execute its first instruction in
/// long mode.
class Program {
 public:
  /// `image` is GUEST_SIZE bytes and must outlive the program. Uses memory slot 0; creates the CPU.
  [[nodiscard]] static Result<Program> load(Vm& vm, const std::byte* image);

  /// Restarts at the first instruction, as if the guest had never run.
  [[nodiscard]] Result<void> restart();

  /// The data that guest and host share.
  template <class Data>
  [[nodiscard]] Data& data() const noexcept {
    return *reinterpret_cast<Data*>(memory_.bytes().data() + GUEST_DATA);
  }
  [[nodiscard]] Vcpu& cpu() noexcept { return cpu_; }

  /// Whether the guest caused the last exit to say `word`: GUEST_DONE, …
  [[nodiscard]] bool said(unsigned word) const noexcept;
  /// An error that describes the last exit, for an exit that nobody expected.
  [[nodiscard]] Error unexpected() const;

 private:
  Program(const std::byte* image, MemorySlot memory, Vcpu cpu) noexcept
      : image_(image), memory_(std::move(memory)), cpu_(std::move(cpu)) {}
  const std::byte* image_;
  MemorySlot memory_;
  Vcpu cpu_;
};

/// Interrupts the thread that created it at regular intervals while it lives, so that no KVM_RUN
/// lasts long and the thread can check whether to stop.
///
/// A timer sends a signal to that thread alone, so many guests can run in one process. The signal
/// is SIGURG, which means nothing to a process that doesn't ask for it.
class KickTimer {
 public:
  /// The first interruption comes after `interval`. EAGAIN: too many timers.
  [[nodiscard]] static Result<KickTimer> start(std::chrono::milliseconds interval);
  KickTimer(KickTimer&& other) noexcept
      : timer_(other.timer_), beats_(std::exchange(other.beats_, false)) {}
  KickTimer& operator=(KickTimer&&) = delete;
  ~KickTimer();

 private:
  explicit KickTimer(timer_t timer) noexcept : timer_(timer), beats_(true) {}
  timer_t timer_;
  bool beats_;
};

}  // namespace bellwire::kvm
