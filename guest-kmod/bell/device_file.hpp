// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceFile: /dev/bellwireN, as part 2 of the uapi header describes it.
#pragma once

#include <string>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/os/memory.hpp"
#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell {

using bellwire::Error;
using bellwire::Result;

class DeviceFile {
 public:
  [[nodiscard]] static Result<DeviceFile> open(const std::string& path);

  [[nodiscard]] Result<bellwire_info> info() const;
  [[nodiscard]] Result<bellwire_claim> claim(std::uint32_t queue) const;
  [[nodiscard]] Result<bellwire_claim> reset() const;
  [[nodiscard]] Result<void> set_call(int eventfd) const;
  [[nodiscard]] Result<void> set_kick(int eventfd, bellwire_worker worker) const;
  [[nodiscard]] Result<bellwire::os::Mapping> map(const bellwire_claim& claim) const;

  /// Whether the device has died, or was unplugged.
  [[nodiscard]] bool gone() const noexcept;
  /// What to say then.
  [[nodiscard]] Error gone_fault() const;

  /// The hot ones: false when the kernel refused, errno says why.
  bool kick() const noexcept;
  bool ring() const noexcept;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  DeviceFile(std::string path, bellwire::os::UniqueFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  bellwire::os::UniqueFd fd_;
};

/// The device files of this guest, in order.
[[nodiscard]] std::vector<std::string> device_files();

/// The device's own name, from its words in the shared memory.
[[nodiscard]] std::string kind_of(const bellwire_info& info);

/// The first device file whose device is a `kind`. Waits for it some seconds, since host and guest
/// start in any order. ENODEV: there is none.
[[nodiscard]] Result<DeviceFile> find_device(const std::string& kind);

}  // namespace bell
