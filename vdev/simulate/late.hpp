// SPDX-License-Identifier: BSD-3-Clause
//
// Late: an echo that completes its requests later, in an order that chance decides, as the
// catalog's `delay` does. Its thread is a process of the world's, which lives longer than the
// device.
#pragma once

#include <vector>

#include "vdev/devices/request_device.hpp"
#include "vdev/simulate/world.hpp"

namespace bellwire::simulate {

class Late;

/// The thread of a device that is killed and started again.
class Worker {
 public:
  explicit Worker(World& world) : world_(world) {}
  /// The body of its process. Until that is true.
  void run(const std::function<bool()>& until);
  /// Where it runs; set before anything else is done.
  void run_on(Process& process) noexcept { process_ = &process; }
  void freeze(Duration time) {
    if (process_ != nullptr) process_->freeze(time);
  }
  void wake() {
    if (process_ != nullptr) process_->wake();
  }
  /// Its process was killed, and lets go of what it has: nobody completes anything later.
  void complete_all();
  /// Whether it has requests in hand.
  [[nodiscard]] const bool& busy() const noexcept { return busy_; }

 private:
  friend class Late;
  World& world_;
  Process* process_ = nullptr;
  Late* device_ = nullptr;  // that runs
  bool busy_ = false;
};

class Late final : public AsyncRequestDevice {
 public:
  Late(World& world, Worker& worker) : world_(world), worker_(worker) { worker_.device_ = this; }
  ~Late() { worker_.device_ = nullptr; }

  [[nodiscard]] DeviceTraits traits() const noexcept override;

 private:
  friend class Worker;
  struct Waiting {
    Time due;
    ring::PendingRequest request;
  };
  void handle(ring::PendingRequest request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  [[nodiscard]] Time first() const noexcept;
  void complete_due();

  World& world_;
  Worker& worker_;
  std::vector<Waiting> waiting_;
};

}  // namespace bellwire::simulate
