// SPDX-License-Identifier: BSD-3-Clause
//
// Moderation: sees to it that each interrupt of a device comes at most once in so long. The first
// goes out at once; those that follow too soon go out together when the time is over, so none waits
// longer than that, and none is lost.
//
// The device raises interrupts of ours, from any thread; we pass them on, on the thread that runs
// the context. To stop, drop it; what is held back then goes out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>

#include "vdev/core/attachment.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

class Moderation {
 public:
  static constexpr unsigned descriptors_each = 3;  ///< that it opens for an interrupt

  /// Puts interrupts of ours in the attachment's place; leaves it alone if `time` is 0. EMFILE,
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
