// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceJournal: what `--record FILE` asks for: a journal of one run of a device
// (vdev/replay/journal.hpp), or nothing. Used on the device's thread.
#pragma once

#include <memory>

#include "host/device/options.hpp"
#include "vdev/replay/function_journal.hpp"
#include "vdev/replay/journal_writer.hpp"
#include "vdev/replay/ring_journal.hpp"
#include "vdev/replay/virtio_journal.hpp"

namespace bellwire::host {

class DeviceJournal {
 public:
  /// Without `--record`, one that does nothing. EINVAL: such a device can't be recorded there.
  /// EEXIST, EACCES and the like: the file can't be written.
  [[nodiscard]] static Result<DeviceJournal> create(const DeviceOptions& options,
                                                    const DeviceEntry& device);

  /// What sees an attachment of that format; null: nobody.
  [[nodiscard]] std::shared_ptr<RequestTap> tap(const bellwire_format& format) const;

  /// What sees a virtio device; null: nobody.
  [[nodiscard]] std::unique_ptr<replay::VirtioJournal> virtio_tap() const;
  /// What sees a PCI function; null: nobody.
  [[nodiscard]] std::unique_ptr<replay::FunctionJournal> observer() const;

  /// Ends the file. What went wrong with it is reported here.
  [[nodiscard]] Result<void> finish();

 private:
  std::string path_;
  bool accesses_ = false;                          // that is what is counted
  std::unique_ptr<replay::JournalWriter> writer_;  // null: nothing is recorded
};

}  // namespace bellwire::host
