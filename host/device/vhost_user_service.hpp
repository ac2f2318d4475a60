// SPDX-License-Identifier: BSD-3-Clause
//
// A virtio device served to front-ends of vhost-user: `--on vhost-user:…`, and what the convention
// for back-end programs says about a socket's options. On the thread that runs the context.
// Source: QEMU, docs/interop/vhost-user.rst, "Backend program conventions".
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/device/transports.hpp"

namespace bellwire::host {

struct VhostUserPlace {
  std::string path;            ///< of the socket
  bool connect = false;        ///< the front-end listens there
  std::optional<int> fd = {};  ///< in place of a path: a socket that this process was given
};

/// Nobody can come any more when a front-end that a descriptor was connected to has gone.
[[nodiscard]] Result<VirtioService> serve_by_vhost_user(boost::asio::io_context& context,
                                                        const VhostUserPlace& place,
                                                        virtio::Device& device,
                                                        const VirtioPlan& plan);

/// What `--print-capabilities` prints of a device: JSON, by the schema vhost-user.json.
[[nodiscard]] Result<std::string> vhost_user_capabilities(std::string_view device);

}  // namespace bellwire::host
