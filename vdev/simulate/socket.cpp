// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/socket.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bellwire::simulate {
namespace {

constexpr unsigned cuts = 16;  // one message in so many

int fail(int error) noexcept {
  errno = error;
  return -1;
}

}  // namespace

int Socket::listen(const std::string& path) {
  auto& served = world_.files().served();
  if (const auto found = served.find(path); found != served.end() && found->second != nullptr)
    return fail(EADDRINUSE);
  path_ = path;
  served[path] = this;
  return 0;
}

int Socket::connect(const std::string& path) {
  const auto& served = world_.files().served();
  const auto found = served.find(path);
  if (found == served.end()) return fail(ENOENT);
  if (found->second == nullptr) return fail(ECONNREFUSED);
  auto& listener = *found->second;
  auto other = std::make_shared<Socket>(world_);
  other->peer_ = this;
  other->peer_name_ = name_;
  peer_ = other.get();
  connected_ = other->connected_ = true;
  listener.queue_.push_back(std::move(other));
  world_.files().touch(listener);
  return 0;
}

Socket::Accepted Socket::accept() {
  if (queue_.empty()) return {fail(EAGAIN), {}};
  auto first = std::move(queue_.front());
  queue_.pop_front();
  auto name = first->peer_name_;
  return {world_.files().open(std::move(first)), std::move(name)};
}

std::ptrdiff_t Socket::send(std::span<const std::byte> bytes, std::span<const int> fds) {
  if (!connected_) return fail(ENOTCONN);
  if (left_) return fail(EPIPE);
  if (unread() + message_size > buffer_) return fail(EAGAIN);
  Message message{{bytes.begin(), bytes.end()}, {}};
  for (const int fd : fds) message.fds.push_back(os::duplicate(fd));
  for (const auto& fd : message.fds)
    if (!fd.valid()) return -1;
  for (const auto& fd : message.fds) world_.files().disown(fd.get());
  peer_->inbox_.push_back(std::move(message));
  world_.files().touch(*peer_);
  return static_cast<std::ptrdiff_t>(bytes.size());
}

Socket::Arrived Socket::receive(std::span<std::byte> bytes, bool peek) {
  if (inbox_.empty()) {
    if (error_ != 0) return {fail(peek ? error_ : std::exchange(error_, 0)), {}};
    return {left_ ? 0 : fail(EAGAIN), {}};
  }
  auto& message = inbox_.front();
  auto size = std::min(bytes.size(), message.bytes.size());
  if (!peek && size > 1 && world_.random().one_in(cuts)) size = 1 + world_.random().below(size - 1);
  std::copy_n(message.bytes.begin(), size, bytes.begin());
  Arrived arrived{static_cast<std::ptrdiff_t>(size), {}};
  if (peek) {
    for (const auto& fd : message.fds) arrived.fds.push_back(fd.duplicate());
    return arrived;
  }
  arrived.fds = std::exchange(message.fds, {});
  message.bytes.erase(message.bytes.begin(),
                      message.bytes.begin() + static_cast<std::ptrdiff_t>(size));
  if (!message.bytes.empty()) return arrived;
  inbox_.pop_front();
  if (peer_ != nullptr && (peer_->ready() & EPOLLOUT) != 0) world_.files().touch(*peer_);
  return arrived;
}

std::size_t Socket::unread() const noexcept {
  return peer_ != nullptr ? peer_->inbox_.size() * message_size : 0;
}

std::uint32_t Socket::ready() const noexcept {
  if (!path_.empty()) return queue_.empty() ? 0 : std::uint32_t{EPOLLIN};
  if (!connected_) return EPOLLOUT | EPOLLHUP;
  std::uint32_t found = 0;
  if (!inbox_.empty()) found |= EPOLLIN;
  if (left_) found |= EPOLLIN | EPOLLRDHUP | EPOLLHUP;
  if (error_ != 0) found |= EPOLLERR;
  if (4 * unread() <= buffer_) found |= EPOLLOUT;
  return found;
}

void Socket::closed() {
  if (!path_.empty()) world_.files().served()[path_] = nullptr;
  for (const auto& waiting : std::exchange(queue_, {})) {
    if (waiting->peer_ != nullptr) waiting->peer_->error_ = ECONNRESET;
    waiting->hang_up();
  }
  hang_up();
}

void Socket::hang_up() {
  const auto unread = std::exchange(inbox_, {});
  if (peer_ == nullptr) return;
  if (!unread.empty()) peer_->error_ = ECONNRESET;
  peer_->left_ = true;
  peer_->peer_ = nullptr;
  world_.files().touch(*std::exchange(peer_, nullptr));
}

}  // namespace bellwire::simulate
