// SPDX-License-Identifier: BSD-3-Clause
//
// DiskDriver: what loads a back-end of vhost-user whose device is a disk. It plays QEMU's messages
// and then drives the disk's queues as a guest's kernel would: indirect tables, the event index, a
// kick only where the device asks for one. It takes all completions before it submits more, and
// waits by polling or by sleeping on the queues' calls.
//
// One thread. run() allocates nothing but the samples.
#pragma once

#include <linux/virtio_blk.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/bench/benchmark.hpp"
#include "vdev/core/dma_space.hpp"
#include "vdev/transport/vhost_user/client/front_end.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::bench {

/// Reads or writes of one size.
struct DiskLoad {
  bool writes = false;
  bool random = true;  ///< where on the disk; otherwise one after the other
  std::uint32_t bytes = 4096;
  unsigned depth = 1;  ///< under way, over all queues together
  unsigned requests = 1;
};

/// How the driver waits for completions.
enum class Waiting { asleep, polling };

class DiskDriver {
 public:
  static constexpr std::uint16_t queue_size = 256;
  // What may be under way, and of how many bytes each.
  static constexpr std::uint32_t small_bytes = 4096;
  static constexpr unsigned most_small = 128;
  static constexpr std::uint32_t large_bytes = 1 << 20;
  static constexpr unsigned most_large = 4;

  /// Connects to the back-end that serves `socket`, and brings it up. Errors of FrontEnd; ENOMEM.
  [[nodiscard]] static Result<std::unique_ptr<DiskDriver>> create(const std::string& socket,
                                                                  unsigned queues,
                                                                  std::uint64_t disk_bytes);

  /// Adds the time of each request to the samples if it is alone under way; otherwise the time of
  /// all of them, divided by their number. Counts kicks as doorbells, and calls as interrupts.
  /// ETIMEDOUT: a completion did not come. EIO: a request failed. EPROTO: the queue is broken.
  [[nodiscard]] Result<void> run(const DiskLoad& load, Waiting waiting, double ns_per_tick,
                                 Samples& samples);

  /// The process that serves the socket. Empty: the system does not say.
  [[nodiscard]] std::optional<pid_t> peer() {
    return vhost_user::peer_process(front_->link().fd());
  }

 private:
  // A request's room: its buffers, and our pointers to what must be set or checked.
  struct Slot {
    virtio_blk_outhdr* header;
    volatile std::uint8_t* status;
    virtio::GuestBuffer header_at, data_at, status_at;
    std::uint64_t submitted;  // ticks
  };
  using Slots = std::vector<Slot*>;
  struct Queue {
    virtio::DriverVirtqueue ring;
    Slots small, large;  // that are free; last in, first out
    [[nodiscard]] Slots& free(const DiskLoad& load) noexcept {
      return load.bytes > small_bytes ? large : small;
    }
  };

  DiskDriver() = default;
  [[nodiscard]] Result<void> bring_up(const std::string& socket, unsigned queues);
  [[nodiscard]] Result<void> make_queues();
  [[nodiscard]] Result<void> make_queue(unsigned index);
  void make_slots(Slots& slots, unsigned count, std::uint32_t bytes);
  [[nodiscard]] std::uint64_t next_sector(const DiskLoad& load) noexcept;
  void submit(Queue& queue, const DiskLoad& load) noexcept;
  void fill(const DiskLoad& load) noexcept;
  [[nodiscard]] Result<unsigned> harvest(const DiskLoad& load, Samples& samples);
  [[nodiscard]] Result<void> wait(Waiting waiting);
  [[nodiscard]] Result<void> sleep();
  void kick(unsigned index) noexcept;

  vhost_user::Transcript transcript_;
  std::optional<vhost_user::FrontEnd> front_;
  DmaSpace memory_;
  std::vector<Queue> queues_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
  std::uint64_t next_ = 0;  // byte on the disk, of a sequential load
  double ns_per_tick_ = 0;
  unsigned sent_ = 0;  // of this run
  std::uint64_t kicks_ = 0, calls_ = 0;
  std::uint64_t waiting_since_ = 0;  // ticks; 0: it does not wait
};

}  // namespace bellwire::bench
