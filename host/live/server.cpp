// SPDX-License-Identifier: BSD-3-Clause
#include "host/live/server.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "vdev/os/text.hpp"

namespace bellwire::host::live {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds patience{10};  // with a client that sends half a request
constexpr std::uint32_t longest_header = 8 << 10;
constexpr std::size_t longest_message = 1 << 10;  // of a page

using Request = http::request<http::empty_body>;

std::string page_text() {
  std::string text(page::skeleton);
  const auto fill = [&text](std::string_view mark, std::string_view content) {
    text.replace(text.find(mark), mark.size(), content);
  };
  fill("/* style */", page::style);
  fill("/* script */", page::script);
  return text;
}

bool equal_in_constant_time(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  int difference = 0;
  for (std::size_t index = 0; index < one.size(); ++index) difference |= one[index] ^ other[index];
  return difference == 0;
}

// "/path?token=T": the path, and T; without that, no token.
std::pair<std::string_view, std::string_view> parts_of(std::string_view target) {
  constexpr std::string_view name = "token=";
  const auto place = std::min(target.find('?'), target.size());
  const auto query = target.substr(std::min(place + 1, target.size()));
  return {target.substr(0, place),
          query.starts_with(name) ? query.substr(name.size()) : std::string_view()};
}

std::string_view view_of(beast::string_view words) {
  return {words.data(), words.size()};
}

// Why a request is refused; ok: it is not.
http::status refusal_of(const Server& server, const Request& request) {
  const auto [path, token] = parts_of(view_of(request.target()));
  const auto origin = view_of(request[http::field::origin]);
  if (view_of(request[http::field::host]) != server.host()) return http::status::forbidden;
  if (!origin.empty() && origin != text("http://{}", server.host())) return http::status::forbidden;
  if (path != "/" && path != "/live") return http::status::not_found;
  if (!equal_in_constant_time(token, server.token())) return http::status::forbidden;
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    return http::status::method_not_allowed;
  return http::status::ok;
}

std::string words_of(http::status status) {
  switch (status) {
    case http::status::forbidden:
      return "open the address that bellwire live printed, token and all\n";
    case http::status::not_found:
      return "there are / and /live\n";
    case http::status::method_not_allowed:
      return "only GET and HEAD\n";
    case http::status::service_unavailable:
      return text("{} pages watch already: close one\n", Server::most_pages);
    default:
      return "this is no WebSocket\n";
  }
}

http::response<http::string_body> answer(const Server& server, const Request& request,
                                         http::status status) {
  http::response<http::string_body> response(status, request.version());
  const bool page = status == http::status::ok;
  response.set(http::field::content_type,
               page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  response.set("Referrer-Policy", "no-referrer");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Content-Security-Policy",
               text("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                    "connect-src ws://{}; frame-ancestors 'none'; base-uri 'none'",
                    server.host()));
  response.body() = page ? page_text() : words_of(status);
  response.keep_alive(false);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

std::string new_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  std::string token;
  for (const auto byte : bytes) token += text("{:02x}", byte);
  return token;
}

}  // namespace

// A page at its WebSocket. Of each key it has one message at most that waits to be sent.
class WatchingPage : public std::enable_shared_from_this<WatchingPage> {
 public:
  WatchingPage(Server& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {}

  void start(const Request& request) {
    stream_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
    stream_.read_message_max(longest_message);
    stream_.auto_fragment(false);
    stream_.async_accept(request, [self = shared_from_this()](const error_code& error) {
      if (error) return;
      self->server_.watch(self);
      self->read();
    });
  }

  void publish(const std::string& key, Message message) {
    waiting_[key] = std::move(message);
    if (!sending_) send();
  }

 private:
  void read() {
    stream_.async_read(said_, [self = shared_from_this()](const error_code& error, std::size_t) {
      if (error) return;
      self->server_.ask(self, beast::buffers_to_string(self->said_.data()));
      self->said_.clear();
      self->read();
    });
  }

  // In turn, so that no key waits for another that comes more often.
  void send() {
    if (waiting_.empty()) return;
    auto next = waiting_.upper_bound(sent_);
    if (next == waiting_.end()) next = waiting_.begin();
    sent_ = next->first;
    sending_ = std::move(next->second);
    waiting_.erase(next);
    stream_.text(true);
    stream_.async_write(asio::buffer(*sending_),
                        [self = shared_from_this()](const error_code& error, std::size_t) {
                          self->sending_.reset();
                          if (!error) self->send();
                        });
  }

  Server& server_;
  websocket::stream<beast::tcp_stream> stream_;
  beast::flat_buffer said_;
  std::map<std::string, Message> waiting_;
  std::string sent_;  // the last one's key
  Message sending_;
};

namespace {

// A connection until it has asked for the page, or is a page's WebSocket.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {
    parser_.header_limit(longest_header);
    parser_.body_limit(0);
  }

  void start() {
    stream_.expires_after(patience);
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](const error_code& error, std::size_t) {
                       if (!error) self->serve();
                     });
  }

 private:
  void serve() {
    const auto& request = parser_.get();
    auto status = refusal_of(server_, request);
    const bool live = parts_of(view_of(request.target())).first == "/live";
    if (status == http::status::ok && live) {
      if (websocket::is_upgrade(request) && !server_.full()) return watch(request);
      status = server_.full() ? http::status::service_unavailable : http::status::bad_request;
    }
    response_ = answer(server_, request, status);
    stream_.expires_after(patience);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!error)
                          self->stream_.socket().shutdown(tcp::socket::shutdown_send, error);
                      });
  }

  void watch(const Request& request) {
    stream_.expires_never();
    std::make_shared<WatchingPage>(server_, stream_.release_socket())->start(request);
  }

  Server& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::create(asio::io_context& context, std::uint16_t port) {
  error_code error;
  const tcp::endpoint here(asio::ip::address_v4::loopback(), port);
  tcp::acceptor acceptor(context);
  acceptor.open(here.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(here, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error)
    return fault(static_cast<std::errc>(error.value()),
                 "cannot listen on port {} of 127.0.0.1: {}; choose another one by --port, or 0",
                 port, error.message());
  auto token = new_token();
  if (token.empty()) return system_fault("cannot get random bytes for the token");
  return std::unique_ptr<Server>(new Server(std::move(acceptor), std::move(token)));
}

Server::Server(tcp::acceptor acceptor, std::string token)
    : acceptor_(std::move(acceptor)),
      token_(std::move(token)),
      host_(text("127.0.0.1:{}", acceptor_.local_endpoint().port())) {
  accept();
}

std::string Server::url() const {
  return text("http://{}/?token={}", host_, token_);
}

void Server::accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) std::make_shared<Connection>(*this, std::move(socket))->start();
    accept();
  });
}

void Server::publish(const std::string& key, std::string message) {
  std::erase_if(pages_, [](const auto& page) { return page.expired(); });
  const auto shared = std::make_shared<const std::string>(std::move(message));
  for (const auto& known : pages_)
    if (const auto page = known.lock()) page->publish(key, shared);
}

void Server::greet(const std::string& key, std::string message) {
  greetings_[key] = std::make_shared<const std::string>(std::move(message));
}

void Server::ask(const std::shared_ptr<WatchingPage>& page, const std::string& text) {
  if (!asked_) return;
  asked_(text, [weak = std::weak_ptr(page)](const std::string& key, const std::string& answer) {
    if (const auto asking = weak.lock())
      asking->publish(key, std::make_shared<const std::string>(answer));
  });
}

bool Server::full() {
  std::erase_if(pages_, [](const auto& page) { return page.expired(); });
  return pages_.size() >= most_pages;
}

void Server::watch(const std::shared_ptr<WatchingPage>& page) {
  for (const auto& [key, message] : greetings_) page->publish(key, message);
  pages_.push_back(page);
}

}  // namespace bellwire::host::live
