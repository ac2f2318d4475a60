// SPDX-License-Identifier: BSD-3-Clause
//
// Doorbells: attaches a device to a Stepper, and holds the doorbells of its requests: the count
// stays in the eventfd, where it is seen, until the hop may happen. It puts eventfds of its own in
// the attachment's place, as Faults do. A doorbell that announces no request, such as the one that
// begins a generation, is never held.
//
// On the thread that runs the context. Once the object is dropped, a count that was held is still
// in its eventfd.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "vdev/core/attachment.hpp"
#include "vdev/core/device.hpp"
#include "vdev/steps/stepper.hpp"

namespace bellwire::steps {

class Doorbells {
 public:
  static constexpr unsigned descriptors_each = 5;  ///< per doorbell

  /// Does nothing if `stepper` is null, or holds nothing any more. The device must outlive it.
  /// EMFILE, ENFILE; ENOSPC, ENOMEM: the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<Doorbells> start(boost::asio::io_context& context, Device& device,
                                               Attachment& attachment, const ring::Layout& layout,
                                               std::shared_ptr<Stepper> stepper);
  Doorbells(Doorbells&&) noexcept = default;
  Doorbells& operator=(Doorbells&&) = delete;
  ~Doorbells();

 private:
  class Impl;
  explicit Doorbells(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace bellwire::steps
