// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_journal.hpp"

#include "host/cli/command_line.hpp"
#include "host/device/transports.hpp"
#include "vdev/log/log.hpp"
#include "vdev/replay/virtio_replay.hpp"

namespace bellwire::host {
namespace {

// What is seen of a device depends on its kind: a virtio device may be a ring device on virtqueues.
const VirtioEntry* recorded_virtio_of(const DeviceOptions& options, const DeviceEntry& device) {
  if (const auto* const virtio = std::get_if<VirtioEntry>(&device)) return virtio;
  const auto* const ring = std::get_if<RingEntry>(&device);
  if (ring == nullptr || !ring->on_virtqueues || !on_virtqueues(options.on.front())) return nullptr;
  return &*ring->on_virtqueues;
}

Result<void> check_recordable(const DeviceOptions& options, const DeviceEntry& device) {
  const auto* const ring = std::get_if<RingEntry>(&device);
  if (ring != nullptr && !ring->on_virtqueues)
    return fault(std::errc::invalid_argument,
                 "--record: {} is neither a RequestDevice nor an AsyncRequestDevice, and of ring "
                 "devices only those are recorded",
                 options.name);
  const auto* const virtio = recorded_virtio_of(options, device);
  if (virtio != nullptr && virtio->ports)
    return fault(
        std::errc::invalid_argument,
        "--record: {} is not recorded: what it gives to one port comes from the others, and "
        "a replay has none",
        options.name);
  if (virtio != nullptr && options.virtio.queues > replay::VirtioPlayer::most_queues)
    return fault(std::errc::invalid_argument,
                 "--record: a recording has up to {} queues; choose fewer with --queues",
                 replay::VirtioPlayer::most_queues);
  return {};
}

std::string_view kind_of(const DeviceOptions& options, const DeviceEntry& device) {
  if (std::holds_alternative<FunctionEntry>(device)) return "function";
  return recorded_virtio_of(options, device) != nullptr ? "virtio" : "ring";
}

// With what a virtio device is made of, by the names of its options.
replay::Facts recorded_facts(const DeviceOptions& options, const DeviceEntry& device) {
  const auto& on = options.on.front();
  replay::Facts facts{{"device", options.name},
                      {"kind", std::string(kind_of(options, device))},
                      {"transport", on.substr(0, on.find(':'))},
                      {"bellwire", std::string(program_version())}};
  const auto& virtio = options.virtio;
  if (recorded_virtio_of(options, device) == nullptr) return facts;
  facts["queues"] = std::to_string(virtio.queues);
  facts["null"] = virtio.null ? "1" : "0";
  facts["read-only"] = virtio.read_only ? "1" : "0";
  facts["serial"] = escaped(virtio.serial);
  if (virtio.file) facts["file"] = escaped(*virtio.file);
  if (virtio.size) facts["size"] = std::to_string(*virtio.size);
  return facts;
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

std::unique_ptr<replay::VirtioJournal> DeviceJournal::virtio_tap() const {
  return writer_ ? std::make_unique<replay::VirtioJournal>(*writer_) : nullptr;
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
