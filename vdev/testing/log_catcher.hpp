// SPDX-License-Identifier: BSD-3-Clause
//
// LogCatcher: while it lives, standard error is a file of its own, and its lines can be read.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "vdev/log/log.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::testing {

class LogCatcher {
 public:
  LogCatcher() {
    log::flush(std::chrono::seconds(10));
    ::dup2(file_.get(), STDERR_FILENO);
  }
  LogCatcher(const LogCatcher&) = delete;
  LogCatcher& operator=(const LogCatcher&) = delete;
  ~LogCatcher() {
    log::flush(std::chrono::seconds(10));
    ::dup2(before_.get(), STDERR_FILENO);
  }

  /// All that was logged so far, counts of what was left out too.
  [[nodiscard]] std::string text() const {
    log::flush(std::chrono::seconds(10));
    std::string all(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_CUR)), '\0');
    const auto size = ::pread(file_.get(), all.data(), all.size(), 0);
    all.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return all;
  }
  /// How often `words` stand in it.
  [[nodiscard]] unsigned count(std::string_view words) const {
    const auto all = text();
    unsigned found = 0;
    for (auto at = all.find(words); at != all.npos; at = all.find(words, at + 1)) ++found;
    return found;
  }

 private:
  os::UniqueFd before_ = os::duplicate(STDERR_FILENO);
  os::UniqueFd file_{::memfd_create("log", MFD_CLOEXEC)};
};

}  // namespace bellwire::testing
