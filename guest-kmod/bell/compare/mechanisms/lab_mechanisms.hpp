// SPDX-License-Identifier: BSD-3-Clause
//
// The mechanisms with the kernel at one end, or in the middle of a round trip; those that a kernel
// module has no way into; and LabSession, an open /dev/notify_lab, where the kernel plays its end
// (the manual of its calls and of its mapped memory is guest-kmod/notify_lab/uapi/notify_lab.h).
// Where a mechanism's user end is the same as between two processes, its channel is that one; the
// ends that exist only with the lab are declared here. For one thread.
#pragma once

#include <optional>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
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

/// Makes the user's end of a mechanism that takes part in a session.
using MakeEnd = std::unique_ptr<Channel> (*)(LabSession&);

struct LabMechanism {
  std::string_view name;
  std::string_view what;           ///< one line for the page
  std::string_view user_source;    ///< as Mechanism::source; of both ends in a round trip
  std::string_view kernel_source;  ///< likewise, in the module notify_lab
  notify_lab_sender send = NOTIFY_LAB_SEND_NONE;
  notify_lab_receiver receive = NOTIFY_LAB_RECEIVE_NONE;
  MakeEnd from_kernel = nullptr;
  MakeEnd to_kernel = nullptr;
  Traits traits{};
  bool hardirq = false;  ///< the kernel sends from a timer's interrupt
};

inline constexpr const char* kernel_to_user = "kernel → user";
inline constexpr const char* user_to_kernel = "user → kernel";
inline constexpr const char* kernel_and_user = "kernel ↔ user";  ///< of UnavailableMechanism
inline constexpr const char* round_trip = "round trip";

[[nodiscard]] std::string_view direction_of(const LabMechanism& mechanism) noexcept;
std::span<const LabMechanism> with_kernel();

/// A mechanism between processes that a kernel module cannot use, and where the kernel's source
/// shows it.
struct UnavailableMechanism {
  std::string_view name;
  std::string_view file;      ///< of the kernel's source
  std::string_view function;  ///< that a module would need
  std::string_view reason;
};

std::span<const UnavailableMechanism> unavailable_with_kernel();

/// The ends that only a session has: of the character device and of generic netlink.
std::unique_ptr<Channel> device_read(LabSession& lab);
std::unique_ptr<Channel> device_poll(LabSession& lab);
std::unique_ptr<Channel> device_signal(LabSession& lab);
std::unique_ptr<Channel> page_from_kernel(LabSession& lab);
std::unique_ptr<Channel> page_to_kernel(LabSession& lab);
std::unique_ptr<Channel> plain_ioctl(LabSession& lab);
std::unique_ptr<Channel> plain_write(LabSession& lab);
std::unique_ptr<Channel> generic_unicast(LabSession& lab);
std::unique_ptr<Channel> generic_multicast(LabSession& lab);

}  // namespace bell::compare
