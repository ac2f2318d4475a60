// SPDX-License-Identifier: BSD-3-Clause
//
// A front-end's connection: messages both ways, each wait with a limit, and a transcript of what
// went over it. Nothing is checked here but the framing, so that whoever tries a back-end can send
// what no well-behaved front-end would. One thread.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"
#include "vdev/transport/vhost_user/protocol/framing.hpp"

namespace bellwire::vhost_user {

/// How long a front-end waits.
struct Patience {
  std::chrono::milliseconds limit = std::chrono::seconds(5);        ///< for what must come
  std::chrono::milliseconds quiet = std::chrono::milliseconds(50);  ///< for what must not come
  int stop = -1;  ///< a descriptor: once it is readable, nothing is waited for any more
};

/// What was sent and what came, a line each, in order.
class Transcript {
 public:
  void sent(std::string what) { lines_.push_back({true, std::move(what)}); }
  void came(std::string what) { lines_.push_back({false, std::move(what)}); }
  /// Forgets what was so far: from here on is what matters.
  void begin() { lines_.clear(); }
  /// All that was sent, or all that came, as one line; of a long one, the end.
  [[nodiscard]] std::string sent() const { return joined(true); }
  [[nodiscard]] std::string came() const { return joined(false); }

 private:
  struct Line {
    bool ours;
    std::string what;
  };
  [[nodiscard]] std::string joined(bool ours) const;
  std::vector<Line> lines_;
};

/// A message for people: "SET_VRING_NUM ring 0: 128".
[[nodiscard]] std::string describe(const Header& header, std::span<const std::byte> payload,
                                   std::size_t fds);

class Link {
 public:
  /// The transcript outlives the link. Errors of os::connect_unix().
  [[nodiscard]] static Result<Link> connect(const std::string& path, const Patience& patience,
                                            Transcript& transcript);
  Link(os::UniqueFd socket, const Patience& patience, Transcript& transcript) noexcept
      : socket_(std::move(socket)), patience_(patience), transcript_(&transcript) {}

  /// Sends a request; `with` are flags beside the version. ECONNRESET, EPIPE: the back-end has
  /// closed the connection. ETIMEDOUT: it does not read.
  [[nodiscard]] Result<void> send(Request request, std::span<const std::byte> payload,
                                  std::span<const int> fds = {}, std::uint32_t with = 0);

  /// Sends bytes that may be no message at all; `what` names them in the transcript.
  [[nodiscard]] Result<void> send_raw(const std::string& what, std::span<const std::byte> bytes,
                                      std::span<const int> fds = {});

  /// The next message. ETIMEDOUT: none came in time. ECONNRESET: the connection is closed. EPROTO:
  /// what came is no message.
  [[nodiscard]] Result<Message> receive();

  /// Whether the connection was closed in time; messages that come before are dropped.
  [[nodiscard]] bool closed_in_time();

  /// The message that comes although none should. Empty: none came while it was quiet.
  [[nodiscard]] std::optional<Message> unexpected();

  void close() noexcept { socket_.reset(); }

  [[nodiscard]] const Patience& patience() const noexcept { return patience_; }
  [[nodiscard]] Transcript& transcript() const noexcept { return *transcript_; }
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  [[nodiscard]] Result<Message> receive_within(std::chrono::milliseconds limit);

  os::UniqueFd socket_;
  Patience patience_;
  Transcript* transcript_;
  FrameReader reader_;
};

/// The process at the other end of a unix socket, as it was when it connected or listened. Empty:
/// the system doesn't say.
[[nodiscard]] std::optional<pid_t> peer_process(int socket) noexcept;

}  // namespace bellwire::vhost_user
