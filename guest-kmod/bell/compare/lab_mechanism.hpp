// SPDX-License-Identifier: BSD-3-Clause
//
// The table of mechanisms with the kernel at one end, or at both. Where it has the same user's end
// as two processes have, it takes that; the others are here.
#pragma once

#include "guest-kmod/bell/compare/lab.hpp"
#include "guest-kmod/bell/compare/mechanism.hpp"

namespace bell::compare {

/// How a user's end is made that takes part in a session.
using MakeEnd = std::unique_ptr<Channel> (*)(Lab&);

struct LabMechanism {
  std::string_view name;
  std::string_view what;
  std::string_view user_source;    ///< as Mechanism::source; those of both ends
  std::string_view kernel_source;  ///< likewise
  notify_lab_sender send = NOTIFY_LAB_SEND_NONE;
  notify_lab_receiver receive = NOTIFY_LAB_RECEIVE_NONE;
  MakeEnd from_kernel = nullptr;
  MakeEnd to_kernel = nullptr;
  Traits traits{};
  bool hardirq = false;  ///< the kernel sends from a timer's interrupt
};

inline constexpr const char* kernel_to_user = "kernel → user";
inline constexpr const char* user_to_kernel = "user → kernel";
inline constexpr const char* kernel_and_user = "kernel ↔ user";  ///< of what there is no way for
inline constexpr const char* round_trip = "round trip";

[[nodiscard]] std::string_view direction_of(const LabMechanism& mechanism) noexcept;
std::span<const LabMechanism> with_kernel();

/// The end that two processes have, by the name of its row.
[[nodiscard]] std::unique_ptr<Channel> end_of(std::string_view name);

/// The ends that only the session has.
std::unique_ptr<Channel> device_read(Lab& lab);
std::unique_ptr<Channel> device_poll(Lab& lab);
std::unique_ptr<Channel> device_signal(Lab& lab);
std::unique_ptr<Channel> page_from_kernel(Lab& lab);
std::unique_ptr<Channel> page_to_kernel(Lab& lab);
std::unique_ptr<Channel> plain_ioctl(Lab& lab);
std::unique_ptr<Channel> plain_write(Lab& lab);
std::unique_ptr<Channel> generic_unicast(Lab& lab);
std::unique_ptr<Channel> generic_multicast(Lab& lab);

}  // namespace bell::compare
