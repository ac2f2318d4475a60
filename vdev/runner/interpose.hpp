// SPDX-License-Identifier: BSD-3-Clause
//
// What may stand between a device and its attachment, whatever the transport: Moderation spaces out
// interrupts, Dropping loses one doorbell or interrupt on purpose. Each puts eventfds of its own in
// the attachment's place and passes on what arrives there, on the thread that runs the context.
// Dropping the object ends it, and passes on what it still holds back.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "vdev/core/attachment.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

struct DropPlan {
  enum class Wire { doorbell, interrupt } wire;
  std::uint64_t number;  ///< which one is lost, counted over all wires of that kind, from 1 on
};

/// How many have come, over all attachments of a device.
using DropCount = std::shared_ptr<std::uint64_t>;

/// Loses one doorbell or one interrupt of a device on purpose, to show what happens then and which
/// side notices.
class Dropping {
 public:
  static constexpr unsigned descriptors_each = 3;  ///< that it opens per wire of that kind

  /// Interposes on all wires of the plan's kind; on none without a plan. EMFILE, ENFILE; ENOSPC,
  /// ENOMEM: the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<Dropping> start(boost::asio::io_context& context,
                                              Attachment& attachment,
                                              const std::optional<DropPlan>& plan,
                                              DropCount came = std::make_shared<std::uint64_t>());
  Dropping(Dropping&&) noexcept;
  ~Dropping();

 private:
  struct Wires;
  explicit Dropping(std::shared_ptr<Wires> wires) noexcept;
  std::shared_ptr<Wires> wires_;
};

/// Limits each interrupt of a device to one per `time`. The first goes out at once; those that
/// follow too soon go out together when the time is over, so none waits longer than that, and none
/// is lost. The device may raise them from any thread.
class Moderation {
 public:
  static constexpr unsigned descriptors_each = 3;  ///< that it opens per interrupt

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

/// What both open for a wire: a doorbell with its interrupt.
[[nodiscard]] constexpr unsigned interposed_descriptors(
    std::chrono::nanoseconds moderate, const std::optional<DropPlan>& drop) noexcept {
  const unsigned moderated = moderate.count() > 0 ? Moderation::descriptors_each : 0;
  return moderated + (drop ? Dropping::descriptors_each : 0);
}

}  // namespace bellwire
