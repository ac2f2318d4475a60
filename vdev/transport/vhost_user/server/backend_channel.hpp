// SPDX-License-Identifier: BSD-3-Clause
//
// BackendChannel: the socket on which a back-end asks something of its front-end. All that we send
// is that the config space has changed; several changes before the front-end has read of the first
// are one. A channel that breaks is closed; the session goes on.
//
// On the thread that runs the context. Source: vhost-user, "Back-end communication";
// docs/semantics.md, 76.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::vhost_user {

class BackendChannel {
 public:
  /// EINVAL: it is not a unix stream socket. EMFILE; ENOSPC, ENOMEM.
  [[nodiscard]] static Result<BackendChannel> create(boost::asio::io_context& context,
                                                     os::UniqueFd socket);
  BackendChannel(BackendChannel&&) noexcept;
  BackendChannel& operator=(BackendChannel&&) noexcept;
  ~BackendChannel();

  /// CONFIG_CHANGE_MSG.
  void config_changed();

 private:
  struct Impl;
  explicit BackendChannel(std::shared_ptr<Impl> impl) noexcept;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bellwire::vhost_user
