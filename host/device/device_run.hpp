// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceRun: a device with all that `bellwire device` puts around it, on one attachment after the
// other. What is put around it belongs together: it is made in one order and dropped in the other,
// whether the driver takes the attachment back, a part can't be made, or the program ends.
//
// On the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "host/device/device_options.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"

namespace bellwire::host {

class DeviceRun {
 public:
  /// All must outlive it.
  DeviceRun(boost::asio::io_context& context, Device& device, const DeviceOptions& options,
            Tracing& tracing) noexcept
      : context_(context), device_(device), options_(options), tracing_(tracing) {}

  /// For a transport, as long as this lives. When no attachment will follow, the context stops.
  [[nodiscard]] Runs runs();

  /// Why no attachment will follow, if the transport said so.
  [[nodiscard]] Result<void> result() const {
    return ended_ ? Result<void>(*ended_) : Result<void>();
  }

  /// Descriptors that it opens for each doorbell and its interrupt.
  [[nodiscard]] static unsigned descriptors_each(const DeviceOptions& options) noexcept;

 private:
  struct Parts {
    Moderation moderation;
    Dropping dropping;
    Runner runner;
    Registration tracing;
  };
  [[nodiscard]] Result<void> start(Attachment attachment);
  [[nodiscard]] Result<Parts> make_parts(Attachment attachment);

  boost::asio::io_context& context_;
  Device& device_;
  const DeviceOptions& options_;
  Tracing& tracing_;
  std::optional<Parts> parts_;
  std::optional<Error> ended_;
};

}  // namespace bellwire::host
