// SPDX-License-Identifier: BSD-3-Clause
//
// Control: a socket by which others record a running device, or watch it. A peer sends JSON, an
// object a line:
//
//     {"do": "record", "seconds": 2.5, "requests": 10000, "facts": {"qemu": "7.2"}}
//     {"do": "stop"}
//     {"do": "status"}
//
// seconds, requests and facts may be missing; who gives no limit says stop, or hangs up. We answer
//
//     {"began": true}
//     {"trace": 12345}      and behind the line as many bytes: the trace file
//     {"status": {…}}       as in status.hpp
//     {"error": "…"}        and hang up
//
// A peer is not trusted: its lines are bounded, and so is the number of peers. All on the recording
// thread.
#pragma once

#include <memory>
#include <string>

#include "host/trace/record/recording.hpp"

namespace bellwire::host {

class Control {
 public:
  static constexpr unsigned most_peers = 8;

  /// Serves `path` from now on. EADDRINUSE: somebody else does; a dead one's socket is taken over.
  [[nodiscard]] static Result<Control> create(RecordingThread& thread, const TraceFacts& facts,
                                              const std::string& path);
  Control(Control&&) noexcept;
  /// A trace that is on its way to a peer still goes out.
  ~Control();

 private:
  struct State;
  explicit Control(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire::host
