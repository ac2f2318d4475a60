// SPDX-License-Identifier: BSD-3-Clause
//
// Blk: a virtio disk on a file, a block device or memory, with any number of queues. The disk's
// bytes go straight between the file and the guest's memory.
//
// Files are read and written by io_uring: the requests of a turn are begun together, and the loop
// never waits for a disk. What is in memory anyway (tmpfs, --size) is read and written at once,
// which is quicker than to begin it and wait. One thread, the backend's.
//
// An error of the disk reaches the driver as VIRTIO_BLK_S_IOERR, and is logged. Source: virtio 1.2,
// section 5.2; docs/semantics.md, 72.
#pragma once

#include <linux/virtio_blk.h>

#include <optional>
#include <vector>

#include "vdev/devices/blk/disk_ring.hpp"
#include "vdev/os/disk_file.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire::blk {

/// Bytes of the file of a disk that keeps nothing.
constexpr std::uint64_t null_file_size = 512;

struct Options {
  std::string serial = {};  ///< up to 20 bytes
  unsigned queues = 1;
  /// Bytes; not 0: a disk of that size that keeps nothing, and reads nothing: to measure all but
  /// the disk.
  std::uint64_t null_size = 0;
  bool asynchronous = false;  ///< by io_uring also what is in memory; for tests
};

class Blk final : public virtio::Device {
 public:
  /// EINVAL: the serial number is too long.
  [[nodiscard]] static Result<std::unique_ptr<Blk>> create(os::DiskFile file, Options options = {});

  [[nodiscard]] virtio::Traits traits() const noexcept override;
  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override;
  [[nodiscard]] bool write_config(std::size_t offset, std::span<const std::byte> from) override;
  [[nodiscard]] Result<void> start(virtio::Session session) override;
  void handle(virtio::Request request) noexcept override;
  void end_turn(unsigned queue) noexcept override;
  void poll() noexcept override;
  [[nodiscard]] const os::EventFd* ready() const noexcept override;
  void set_polled(bool polled) noexcept override;
  /// The file may have been extended or cut: tells the driver if so.
  void refresh() override;
  void stop() noexcept override;

 private:
  // What is kept of a request while it is in flight.
  struct Operation {
    std::uint32_t type = 0;      // VIRTIO_BLK_T_…
    std::uint64_t offset = 0;    // bytes, on the disk
    std::uint64_t size = 0;      // bytes
    std::uint64_t done = 0;      // of them
    bool fallback = false;       // the first way was not supported
    std::vector<iovec> parts{};  // of the guest's memory; keeps its room
  };

  Blk(os::DiskFile file, std::uint64_t size, Options options);
  Operation& operation_of(const virtio::Request& request);

  void transfer(virtio::Request request, std::uint32_t type, std::uint64_t sector);
  void go_on(virtio::Request request, Operation& operation);
  void take(virtio::Request request, Operation& operation, long result);
  void take_other(virtio::Request request, Operation& operation, long result);
  void flush(virtio::Request request);
  void identify(virtio::Request request) noexcept;
  void deallocate(virtio::Request request, std::uint32_t type);
  void allocate(virtio::Request request, Operation& operation);
  void fail(virtio::Request request, const Operation& operation, long error) noexcept;

  os::DiskFile file_;
  Options options_;
  virtio_blk_config config_{};
  std::uint64_t features_ = 0;  // the driver's
  std::optional<DiskRing> ring_;
  std::optional<virtio::ConfigNotifier> notifier_;
  std::vector<std::vector<Operation>> operations_;  // by queue and slot
};

}  // namespace bellwire::blk
