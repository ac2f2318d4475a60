// SPDX-License-Identifier: BSD-3-Clause
//
// LabSession: an open /dev/notify_lab, where the kernel plays one end of a mechanism. The manual of
// its calls and of its mapped memory is guest-kmod/notify_lab/uapi/notify_lab.h. For one thread.
#pragma once

#include <optional>

#include "guest-kmod/notify_lab/uapi/notify_lab.h"
#include "vdev/os/fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/result.hpp"

namespace bell::compare {

class LabSession {
 public:
  /// ENOENT: the module isn't loaded. EACCES: only root may open the device.
  [[nodiscard]] bellwire::Result<void> open();

  [[nodiscard]] bellwire::Result<void> start(const notify_lab_job& job) const;
  bool notify(std::uint64_t number) const noexcept;
  [[nodiscard]] bellwire::Result<void> signal(int eventfd, unsigned times) const;
  void stop() const noexcept;
  void wait() const noexcept;  ///< until the job has ended, but not forever
  [[nodiscard]] notify_lab_info info() const noexcept;

  /// The kernel's counts, read with acquire: the records below that number are complete.
  [[nodiscard]] std::uint64_t sent() const noexcept;
  [[nodiscard]] std::uint64_t received() const noexcept;
  [[nodiscard]] const notify_lab_record& sent_record(std::uint64_t index) const noexcept;
  [[nodiscard]] const notify_lab_record& received_record(std::uint64_t index) const noexcept;

  /// Our counts, written with release.
  void acknowledge(std::uint64_t count) noexcept;
  void ring(std::uint64_t count) noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  [[nodiscard]] notify_lab_map& map() const noexcept;

  bellwire::os::UniqueFd fd_;
  std::optional<bellwire::os::Mapping> map_;
};

}  // namespace bell::compare
