// SPDX-License-Identifier: BSD-3-Clause
//
// `--poll`: how a device looks for work before it sleeps, and where.
#pragma once

#include <optional>
#include <string>

#include "vdev/core/poll_time.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host {

struct PollOptions {
  Polling polling = Polling::off;
  std::optional<unsigned> cpu;  ///< the device's thread is bound to it
};

/// off, adaptive, always or always=CPU; EINVAL: anything else.
[[nodiscard]] Result<PollOptions> parse_polling(const std::string& how);

}  // namespace bellwire::host
