// SPDX-License-Identifier: BSD-3-Clause
//
// Retry: how a loop goes on after an error that may pass. It pauses, longer each time, up to a
// second, and tries again; so nothing is busy while the error lasts. It logs the error once when
// it comes, or when its cause changes, and once when it is over.
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
  /// `name` says in the log who tries.
  Retry(boost::asio::io_context& context, std::string name);

  /// Calls `again` after a pause, unless it is stopped before. `again` keeps alive what it uses.
  void after(const Error& error, std::function<void()> again);
  /// It worked: the next error is a new one.
  void worked();
  /// Nobody is called any more.
  void stop() noexcept;

 private:
  boost::asio::steady_timer timer_;
  std::string name_;
  std::error_code last_;  // of the errors since it last worked
  std::chrono::milliseconds pause_{};
  unsigned serial_ = 0;  // a call that is queued already is known by an old one
};

}  // namespace bellwire
