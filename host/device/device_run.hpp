// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceRun: a device and what the command puts around it (interrupt moderation, faults,
// slow motion, tracing, a journal), on one attachment after another. The parts of an attachment are
// created in one order and dropped in the reverse, whether the driver takes the attachment back, a
// part can't be created, or the program ends.
//
// Used on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "host/device/device_journal.hpp"
#include "host/device/options.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/steps/doorbells.hpp"

namespace bellwire::host {

class DeviceRun {
 public:
  /// All arguments must outlive it.
  DeviceRun(boost::asio::io_context& context, Device& device, const DeviceOptions& options,
            Tracing& tracing, const DeviceJournal& journal) noexcept
      : context_(context),
        device_(device),
        options_(options),
        tracing_(tracing),
        journal_(journal) {}

  /// What a transport calls, for as long as this lives. When no attachment will follow, the context
  /// stops.
  [[nodiscard]] Runs runs();

  /// The error that ended the transport, if one did.
  [[nodiscard]] Result<void> result() const;

  /// Descriptors that it opens per doorbell and its interrupt.
  [[nodiscard]] static unsigned descriptors_each(const DeviceOptions& options) noexcept;

 private:
  struct Parts {
    Moderation moderation;
    Faults faults;
    steps::Doorbells doorbells;
    Runner runner;
    Registration tracing;
  };
  [[nodiscard]] Result<void> start(Attachment attachment);
  [[nodiscard]] Result<Parts> make_parts(Attachment attachment);

  boost::asio::io_context& context_;
  Device& device_;
  const DeviceOptions& options_;
  Tracing& tracing_;
  const DeviceJournal& journal_;
  std::optional<Parts> parts_;
  std::optional<Error> ended_;
};

}  // namespace bellwire::host
