// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceOptions: what the command line of a device says.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/sandbox/sandbox.hpp"
#include "host/trace/record/tracing.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/devices/entry.hpp"
#include "vdev/faults/tally.hpp"
#include "vdev/replay/journal_writer.hpp"
#include "vdev/steps/stepper.hpp"

namespace CLI {
class App;
}

namespace bellwire::host {

/// `--poll`: how the device looks for work before it sleeps, and where.
struct PollOptions {
  Polling polling = Polling::off;
  std::optional<unsigned> cpu;  ///< the device's thread is bound to it
};

/// `--step`: slow motion.
struct StepOptions {
  std::string by;                                  ///< keys or control; empty: no slow motion
  std::optional<std::chrono::milliseconds> every;  ///< in place of keys
  std::shared_ptr<steps::Stepper> stepper;         ///< null: no slow motion

  [[nodiscard]] bool wanted() const noexcept { return stepper != nullptr; }
};

struct DeviceOptions {
  std::string name;                  ///< of the device
  std::vector<std::string> on;       ///< TRANSPORT:WHERE; several for a device that has ports
  std::optional<std::string> group;  ///< of the sockets that `on` serves
  std::optional<std::string> control_group;  ///< of the control socket
  PollOptions poll;
  std::chrono::microseconds moderate{0};  ///< least time between two interrupts of a queue
  TracingOptions tracing;
  std::vector<std::string> facts;                                   ///< NAME=TEXT, for the trace
  std::optional<std::string> record;                                ///< the journal to write
  std::uint64_t record_limit = replay::JournalWriter::usual_limit;  ///< bytes of it
  std::shared_ptr<FaultTally> faults;  ///< what goes wrong on purpose; null: nothing
  bool allow_faults = false;           ///< clients of the control socket may add to those
  StepOptions step;
  VirtioOptions virtio;
  bool print_capabilities = false;  ///< and nothing else
  Sandboxing sandboxing = Sandboxing::off;
  std::vector<std::string> virtio_given;  ///< which of those were given: "--file"
};

/// Adds the options that one of the devices has a use for, and checks them as they are read. With
/// several devices the first argument is a NAME. `options` has what holds where none is given.
void add_device_options(CLI::App& command, std::span<const DeviceEntry> devices,
                        DeviceOptions& options);

/// Whether any of them has queues, of our ring or of virtio.
[[nodiscard]] bool has_queues(std::span<const DeviceEntry> devices);

/// Gives the sockets that will be served to their groups (host/cli/socket_group.hpp).
[[nodiscard]] Result<void> give_to_groups(const DeviceOptions& options);

/// What a sandbox keeps for them.
[[nodiscard]] SandboxNeeds needs_of(const DeviceOptions& options);

/// EINVAL: a seed alone; faults are allowed, and nobody could ask for one.
[[nodiscard]] Result<void> check_faults(const DeviceOptions& options);

/// Whether they say where the device runs. EINVAL: not at all, or at more places than it can.
[[nodiscard]] Result<void> check_place(const DeviceOptions& options, const DeviceEntry& device);

}  // namespace bellwire::host
