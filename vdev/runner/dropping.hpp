// SPDX-License-Identifier: BSD-3-Clause
//
// Dropping: loses one doorbell or one interrupt of a device on purpose, whatever transport it is
// on, so that one can see what then happens, and who notices.
//
// All wires of that kind get an eventfd more, which is passed on on the thread that runs the
// context. To stop, drop it; what it has not passed on yet then goes out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "vdev/core/attachment.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

struct DropPlan {
  enum class Wire { doorbell, interrupt } wire;
  std::uint64_t number;  ///< of all of them, from 1 on
};

class Dropping {
 public:
  static constexpr unsigned descriptors_each = 3;  ///< that it opens for a wire of that kind

  /// Puts wires of ours in the attachment's place, if there is a plan. EMFILE, ENFILE; ENOSPC,
  /// ENOMEM: the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<Dropping> start(boost::asio::io_context& context,
                                              Attachment& attachment,
                                              const std::optional<DropPlan>& plan);
  Dropping(Dropping&&) noexcept;
  ~Dropping();

 private:
  struct Wires;
  explicit Dropping(std::shared_ptr<Wires> wires) noexcept;
  std::shared_ptr<Wires> wires_;
};

}  // namespace bellwire
