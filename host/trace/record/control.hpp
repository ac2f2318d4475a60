// SPDX-License-Identifier: BSD-3-Clause
//
// ControlServer: a socket by which others record a running device, or ask for its status. A client
// sends requests in JSON, one object per line:
//
//     {"do": "record", "seconds": 2.5, "requests": 10000, "facts": {"qemu": "7.2"}}
//     {"do": "stop"}
//     {"do": "status"}
//     {"do": "fault", "plan": "drop doorbell 1", "queue": 2}
//     {"do": "end faults"}
//     {"do": "note", "fault": "freeze guest 3"}
//     {"do": "step", "act": "show"}
//     {"do": "step", "act": "draw", "stop": {…}, "values": {…}, "colour": true, "clear": true}
//
// seconds, requests and facts may be missing; a client that gives no limit sends stop, or hangs up.
// A fault's plan counts signals from now on, over all queues if none is named. Only a device with
// `--allow-faults` takes one. "end faults" ends those that were given so. `note` is for what went
// wrong elsewhere, with the device's guest: it stands in the trace, if one is recorded just then.
//
// `step` is for a device in slow motion (--step=control): `show` only asks, `next` lets the hop
// happen that is held, `run` all of them, and `draw` draws a screen of the given stop, or of what
// is held, with the given values beside those that are seen here.
//
// The answers are:
//
//     {"began": true}
//     {"over": true}        nothing more is recorded, and the trace is being made
//     {"trace": 12345}      and behind the line that many bytes: the trace file
//     {"status": {…}}       as in status.hpp
//     {"given": true}       the fault, or its end
//     {"noted": true}
//     {"step": {"stop": {…}, "runs": false, "values": {…}}}   vdev/steps/screen.hpp has both
//     {"screen": "…"}
//     {"error": "…"}        then the server hangs up
//
// Clients are not trusted: their number and the length of their lines are bounded. One that has
// been quiet for a while makes room for another that comes when all places are taken. Everything
// runs on the recording thread.
#pragma once

#include <memory>
#include <string>

#include "host/trace/record/recording.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::host {

class ControlServer {
 public:
  static constexpr unsigned most_clients = 8;

  /// Serves `path` from now on. EADDRINUSE: another process does; a dead one's socket is taken
  /// over.
  [[nodiscard]] static Result<ControlServer> create(RecordingThread& thread,
                                                    const TraceFacts& facts,
                                                    const std::string& path);
  ControlServer(ControlServer&&) noexcept;
  /// A trace that is on its way to a client still goes out.
  ~ControlServer();

 private:
  struct State;
  explicit ControlServer(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

/// The client's end of a connection to `path`. The error says how to start a device that serves it.
[[nodiscard]] Result<os::UniqueFd> connect_control(const std::string& path);

}  // namespace bellwire::host
