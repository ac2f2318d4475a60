// SPDX-License-Identifier: BSD-3-Clause
//
// Lets Asio wait for a descriptor that somebody else owns: Asio closes what it is given, and takes
// a descriptor only once, so it gets a duplicate.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire {

/// EMFILE; ENOSPC, ENOMEM: the kernel watches no more descriptors for this user.
[[nodiscard]] inline Result<void> watch(boost::asio::posix::stream_descriptor& descriptor, int fd) {
  os::UniqueFd copy = os::duplicate(fd);
  if (!copy.valid()) return system_fault("cannot duplicate descriptor {}", fd);
  boost::system::error_code error;
  descriptor.assign(copy.get(), error);
  if (error) return Error{error, text("cannot wait for descriptor {}: {}", fd, error.message())};
  [[maybe_unused]] const int owned = copy.release();
  return {};
}

}  // namespace bellwire
