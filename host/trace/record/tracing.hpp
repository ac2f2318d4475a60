// SPDX-License-Identifier: BSD-3-Clause
//
// Tracing: the recording that the options of `bellwire device` ask for: a file from start to end, a
// control socket, both or neither. With neither there is no thread, and nothing is done. Used on
// the device's thread.
#pragma once

#include <optional>
#include <string>

#include "host/output/output_file.hpp"
#include "host/trace/record/control.hpp"
#include "vdev/core/registration.hpp"

namespace bellwire::host {

struct TracingOptions {
  std::optional<std::string> file;  ///< record from start to end
  std::string control;              ///< the socket of a ControlServer; empty: none

  [[nodiscard]] bool wanted() const noexcept { return file || !control.empty(); }
};

class Tracing {
 public:
  /// `faults`: what goes wrong on purpose; null: nothing.
  /// `stepper`: of slow motion; null: there is none.
  Tracing(TracingOptions options, TraceFacts facts, std::shared_ptr<FaultTally> faults,
          std::shared_ptr<steps::Stepper> stepper = nullptr)
      : options_(std::move(options)),
        facts_(std::move(facts)),
        faults_(std::move(faults)),
        stepper_(std::move(stepper)) {}

  /// EACCES and the like: the file can't be written. EADDRINUSE: the socket is another's.
  /// `function`: the device is a PCI function, which observer() sees.
  [[nodiscard]] Result<void> start(bool function = false);

  /// The device runs on that memory until the registration is dropped; then it is used no more.
  [[nodiscard]] Registration attach(const ring::Layout& layout);

  /// What is to see a PCI function; null: nobody asked for that.
  [[nodiscard]] pci::Observer* observer() noexcept { return options_.wanted() ? &log_ : nullptr; }

  /// Descriptors that clients of the control socket may take.
  [[nodiscard]] unsigned descriptors_to_come() const noexcept;

  /// Writes the file. ENODATA: the device never ran, so nothing was recorded; an older file stays.
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> record_all();
  [[nodiscard]] Result<void> write(const std::string& trace);

  TracingOptions options_;
  TraceFacts facts_;
  std::shared_ptr<FaultTally> faults_;
  std::shared_ptr<steps::Stepper> stepper_;
  std::optional<OutputFile> file_;
  bool attached_ = false;
  FunctionLog log_;
  Result<void> written_;
  std::optional<RecordingThread> thread_;
  std::optional<ControlServer> control_;
};

}  // namespace bellwire::host
