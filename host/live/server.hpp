// SPDX-License-Identifier: BSD-3-Clause
//
// Server: the live page over HTTP, and its messages over a WebSocket, on 127.0.0.1 alone. Whoever
// has no token is refused, and so is a page of another origin. One thread, that of the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::host::live {

class WatchingPage;

/// Shared by the pages that it waits for.
using Message = std::shared_ptr<const std::string>;

/// Sends an answer to the page that asked, in the place of an unsent one of that `key`.
using Answer = std::function<void(const std::string& key, const std::string& answer)>;

class Server {
 public:
  static constexpr std::size_t most_pages = 32;  ///< that watch at a time

  /// Listens. Port 0: one that is free. What the system says, of a port that is in use for
  /// instance.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(boost::asio::io_context& context,
                                                              std::uint16_t port);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Where a browser finds the page, with the token.
  [[nodiscard]] std::string url() const;

  /// Sends a message to all pages that watch. One that still has an unsent message of that `key`
  /// gets this in its place: who is slow sees fewer samples, and delays nobody.
  void publish(const std::string& key, std::string message);
  /// The same for each page that comes from now on, before anything else.
  void greet(const std::string& key, std::string message);
  /// Calls `asked` with what a page says. Without it, that is forgotten.
  void take_requests(std::function<void(const std::string& text, Answer answer)> asked) {
    asked_ = std::move(asked);
  }

  // For the sessions of its connections.
  [[nodiscard]] std::string_view token() const noexcept { return token_; }
  [[nodiscard]] std::string_view host() const noexcept { return host_; }
  [[nodiscard]] bool full();
  void watch(const std::shared_ptr<WatchingPage>& page);
  void ask(const std::shared_ptr<WatchingPage>& page, const std::string& text);

 private:
  Server(boost::asio::ip::tcp::acceptor acceptor, std::string token);
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  const std::string token_;
  const std::string host_;  // 127.0.0.1:PORT
  std::vector<std::weak_ptr<WatchingPage>> pages_;
  std::map<std::string, Message> greetings_;
  std::function<void(const std::string& text, Answer answer)> asked_;
};

// The files of page/, which embed.cmake puts into the program.
namespace page {
extern const std::string_view skeleton;  ///< contains /* style */ and /* script */
extern const std::string_view style;
extern const std::string_view script;
}  // namespace page

}  // namespace bellwire::host::live
