// SPDX-License-Identifier: BSD-3-Clause
//
// Liar: a back-end in this process that keeps every statement of the suite except one, which the
// test chooses. It is small and slow on purpose, and shares no code with bellwire's own
// back-end.
//
// Its thread looks at kicks before messages, so a round trip of messages settles all that was
// kicked before it. When it keeps back what it owes, it says so by withheld(), so that a test need
// not wait for what never comes.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "host/conform/back_end.hpp"
#include "host/conform/statement.hpp"
#include "host/conform/testing/lie.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vhost_user/client/link.hpp"

namespace bellwire::host::conform {

/// What the liar pretends to be.
struct Nature {
  Kind kind = Kind::blk;
  bool read_only = false;
  bool packed_only = false;  ///< lies in packed rings alone
  bool slow = false;         ///< keeps some of many requests until it is connected to again
  Lie lie = Lie::none;
};

/// What outlives the process that the liar pretends to be: its disk.
using DiskImage = std::vector<std::byte>;

class LiarProcess;

class Liar final : public BackEnd {
 public:
  Liar(std::string socket, const Nature& nature);
  ~Liar() override;

  [[nodiscard]] bool controlled() const noexcept override { return true; }
  [[nodiscard]] Result<void> start() override;
  void kill() override;
  [[nodiscard]] Result<std::string> terminate(std::chrono::milliseconds limit) override;
  [[nodiscard]] std::optional<std::string> ended() override;
  void next_statement(unsigned number) override;

  /// The socket of its other port, if it is a network device.
  [[nodiscard]] std::string peer() const { return socket_ + ".peer"; }

  /// Its disk becomes longer.
  [[nodiscard]] Result<void> change_config();

  /// Readable: something is owed, and will not come.
  [[nodiscard]] int withheld() const noexcept { return withheld_.fd(); }

 private:
  std::string socket_;
  Nature nature_;
  os::EventFd withheld_, change_;
  std::atomic<bool> lying_;  // it breaks its statement now
  DiskImage disk_;
  std::unique_ptr<LiarProcess> process_;
  bool killed_ = false;
};

}  // namespace bellwire::host::conform
