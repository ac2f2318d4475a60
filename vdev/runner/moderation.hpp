// SPDX-License-Identifier: BSD-3-Clause
//
// Moderation: spaces out the interrupts of a device, whatever its transport. It puts eventfds of
// its own in the attachment's place and passes on what arrives there, on the thread that runs the
// context. Dropping the object ends it, and passes on what it still holds back.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

/// Limits each interrupt of a device to one per `time`. The first goes out at once; those that
/// follow too soon go out together when the time is over, so none waits longer than that, and none
/// is lost. The device may raise them from any thread.
class Moderation {
 public:
  /// That it opens per interrupt.
  [[nodiscard]] static constexpr unsigned descriptors_each(std::chrono::nanoseconds time) noexcept {
    return time.count() > 0 ? 3 : 0;
  }

  /// Interposes on all interrupts; on none if `time` is 0. EMFILE,
  /// ENFILE; ENOSPC, ENOMEM: the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<Moderation> start(boost::asio::io_context& context,
                                                Attachment& attachment,
                                                std::chrono::nanoseconds time);
  Moderation(Moderation&&) noexcept;
  ~Moderation();

 private:
  struct Held;
  explicit Moderation(std::vector<std::shared_ptr<Held>> held) noexcept;
  std::vector<std::shared_ptr<Held>> held_;
};

}  // namespace bellwire
