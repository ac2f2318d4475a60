// SPDX-License-Identifier: BSD-3-Clause
//
// NoDescriptors: while it lives, this process can open no descriptor more, as when it has all that
// its limit allows.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

#include <stdexcept>

#include "vdev/os/unique_fd.hpp"

namespace bellwire::testing {

class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    // All below the lowest free one are taken.
    now.rlim_cur = static_cast<rlim_t>(os::UniqueFd(::open("/dev/null", O_RDONLY)).get());
    if (::setrlimit(RLIMIT_NOFILE, &now) != 0) throw std::runtime_error("cannot lower the limit");
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace bellwire::testing
