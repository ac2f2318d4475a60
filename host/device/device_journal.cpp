// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_journal.hpp"

#include "host/cli/command_line.hpp"
#include "host/device/transports.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::host {
namespace {

// What is seen of a device depends on its kind.
Result<void> check_recordable(const DeviceOptions& options, const DeviceEntry& device) {
  if (std::holds_alternative<FunctionEntry>(device)) return {};
  const auto* const ring = std::get_if<RingEntry>(&device);
  const bool on_rings = ring != nullptr && !on_virtqueues(options.on.front());
  if (on_rings && ring->on_virtqueues) return {};
  if (on_rings)
    return fault(std::errc::invalid_argument,
                 "--record: {} is neither a RequestDevice nor an AsyncRequestDevice, and of ring "
                 "devices only those are recorded",
                 options.name);
  return fault(
      std::errc::invalid_argument,
      "--record: {} on '{}' is not recorded: only ring devices are, not on virtqueues, and "
      "whole PCI devices",
      options.name, options.on.front());
}

replay::Facts recorded_facts(const DeviceOptions& options, const DeviceEntry& device) {
  const auto& on = options.on.front();
  return {{"device", options.name},
          {"kind", std::holds_alternative<FunctionEntry>(device) ? "function" : "ring"},
          {"transport", on.substr(0, on.find(':'))},
          {"bellwire", std::string(program_version())}};
}

}  // namespace

Result<DeviceJournal> DeviceJournal::create(const DeviceOptions& options,
                                            const DeviceEntry& device) {
  DeviceJournal journal;
  if (!options.record) return journal;
  if (auto recordable = check_recordable(options, device); !recordable) return recordable.error();
  auto writer = replay::JournalWriter::create(*options.record, recorded_facts(options, device),
                                              options.record_limit);
  if (!writer) return Error{writer.error().code, "--record: " + writer.error().message};
  journal.path_ = *options.record;
  journal.accesses_ = std::holds_alternative<FunctionEntry>(device);
  journal.writer_ = std::move(*writer);
  return journal;
}

std::shared_ptr<RequestTap> DeviceJournal::tap(const bellwire_format& format) const {
  return writer_ ? std::make_shared<replay::RingJournal>(*writer_, format) : nullptr;
}

std::unique_ptr<replay::FunctionJournal> DeviceJournal::observer() const {
  return writer_ ? std::make_unique<replay::FunctionJournal>(*writer_) : nullptr;
}

Result<void> DeviceJournal::finish() {
  if (!writer_) return {};
  const auto counts = writer_->finish();
  if (!counts) return Error{counts.error().code, "--record: " + counts.error().message};
  log::info("recorded {} {} in '{}', which has {} bytes", grouped(counts->requests),
            accesses_ ? "accesses" : "requests", path_, grouped(counts->bytes));
  return {};
}

}  // namespace bellwire::host
