// SPDX-License-Identifier: BSD-3-Clause
//
// RingJournal: writes what crosses the rings of an attachment into a journal. One per attachment,
// from before the device starts on it until after it has stopped. On the device's thread.
//
// The input of a request is copied before the device sees it, an output when its completion is
// published. So a driver that changes either meanwhile, as none may, is not recorded as it was.
#pragma once

#include <vector>

#include "vdev/core/request_tap.hpp"
#include "vdev/replay/journal_writer.hpp"

namespace bellwire::replay {

class RingJournal final : public RequestTap {
 public:
  /// `format`: of the attachment's memory, checked. The writer must outlive it.
  RingJournal(JournalWriter& writer, const bellwire_format& format);
  ~RingJournal() override;

  void began(unsigned queue, std::uint32_t generation, std::uint32_t completed,
             bool served) noexcept override;
  void rung(unsigned queue, std::uint64_t rings) noexcept override;
  void taken(unsigned queue, std::uint32_t index, const bellwire_request& request,
             std::span<const std::byte> input, std::span<const std::byte> output) noexcept override;
  void published(unsigned queue, std::uint32_t index,
                 const bellwire_completion& completion) noexcept override;
  void raised(unsigned queue) noexcept override;
  void stopping(unsigned queue) noexcept override;

 private:
  [[nodiscard]] std::span<const std::byte>& output_of(unsigned queue,
                                                      std::uint32_t index) noexcept {
    return outputs_[queue][index & (outputs_[queue].size() - 1)];
  }

  JournalWriter& writer_;
  std::vector<std::vector<std::span<const std::byte>>> outputs_;  // by queue and slot
};

}  // namespace bellwire::replay
