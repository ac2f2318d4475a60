// SPDX-License-Identifier: BSD-3-Clause
//
// Retry: repeats an operation after a temporary error. It pauses first, longer each time, up to a
// second, so that nothing spins while the error lasts. It logs the error when it occurs, again when
// its cause changes, and when it is over.
//
// On the thread that runs the context.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "vdev/os/result.hpp"

namespace bellwire {

class Retry {
 public:
  /// `name` is the log's name for the operation.
  Retry(boost::asio::io_context& context, std::string name);

  /// Calls `again` after a pause, unless stopped before. `again` must keep alive what it uses.
  void after(const Error& error, std::function<void()> again);
  /// The operation succeeded: the next error is a new one.
  void worked();
  /// Cancels the pending call.
  void stop() noexcept;

 private:
  boost::asio::steady_timer timer_;
  std::string name_;
  std::error_code last_;  // of the errors since it last worked
  std::chrono::milliseconds pause_{};
  unsigned serial_ = 0;  // a call that is queued already is known by an old one
};

}  // namespace bellwire
