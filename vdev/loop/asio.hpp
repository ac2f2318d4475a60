// SPDX-License-Identifier: BSD-3-Clause
//
// Two helpers for Asio: a context that one thread alone runs, and waiting for a descriptor that
// somebody else owns.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

/// For the constructor of an io_context that a single thread runs, as each device's is: it then
/// takes no locks around descriptors. Other threads may still post to it and stop it.
constexpr int one_thread = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;

/// Lets Asio wait for `fd`, which somebody else owns. Asio closes what it is given, and takes each
/// descriptor only once, so it gets a duplicate. EMFILE; ENOSPC, ENOMEM: the kernel watches no more
/// descriptors for this user.
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
