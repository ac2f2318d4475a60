// SPDX-License-Identifier: BSD-3-Clause
//
// ControlPeer: one connection of a control socket, as control.hpp describes it. It lives as long as
// something is to come from its peer, or to go there.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <string>

#include "host/trace/record/recording.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::host {

class ControlPeer : public std::enable_shared_from_this<ControlPeer> {
 public:
  static std::shared_ptr<ControlPeer> start(RecordingThread& thread, const TraceFacts& facts,
                                            os::UniqueFd socket);
  /// Ends it, but for a trace that is under way to the peer.
  void close() { left(); }

 private:
  ControlPeer(RecordingThread& thread, const TraceFacts& facts)
      : thread_(thread), facts_(facts), socket_(thread.context()) {}
  void read_on();
  void hear(const std::string& line);
  [[nodiscard]] Result<void> obey(const boost::json::object& order);
  [[nodiscard]] Result<void> record(const boost::json::object& order);
  [[nodiscard]] Result<void> tell_status();
  void left();
  void send(const std::string& text, bool last);
  void write_on();
  void refuse(const Error& error);

  RecordingThread& thread_;
  const TraceFacts facts_;
  boost::asio::local::stream_protocol::socket socket_;
  std::string read_;
  std::string outbox_;         // to be written next,
  std::string writing_;        // and now
  bool recording_ = false;     // for this peer
  bool sending_last_ = false;  // then nothing more is said
};

}  // namespace bellwire::host
