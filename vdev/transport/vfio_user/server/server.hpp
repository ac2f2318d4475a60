// SPDX-License-Identifier: BSD-3-Clause
//
// Server: serves one PCI function on one socket, by the vfio-user protocol, version 0.0, as QEMU
// 10.1 and newer speak it (`-device '{"driver":"vfio-user-pci","socket":{"type":"unix",
// "path":"…"}}'`). Any number of servers share a context.
//
// One client at a time; another is turned away. A client that says what it must not is answered
// with EINVAL, or dropped where its stream can't be trusted any more. When it goes, its memory and
// its interrupts are dropped, the device keeps its state, and the next may come (rule 52 of
// docs/semantics.md).
//
// Everything happens on the one thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "vdev/pci/function.hpp"

namespace bellwire::vfio_user {

struct ServerOptions {
  std::string path;  ///< of the socket
  /// Told when a client has come (true: it agreed on a version) or gone (false).
  std::function<void(bool)> on_client = {};
};

class Server {
 public:
  /// Once it returns, the socket is there and served. The function must outlive the server.
  /// ENAMETOOLONG, EADDRINUSE, EEXIST, EMFILE.
  [[nodiscard]] static Result<Server> create(boost::asio::io_context& context,
                                             pci::Function& function, ServerOptions options);
  Server(Server&&) noexcept;
  ~Server();

 private:
  struct State;
  explicit Server(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire::vfio_user
