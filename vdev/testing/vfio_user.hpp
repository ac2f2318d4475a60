// SPDX-License-Identifier: BSD-3-Clause
//
// For tests of vfio-user: functions served on sockets, by a thread of their own, and RawClient,
// which sends exactly what a test says.
#pragma once

#include <sys/ioctl.h>

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/testing/pci_test_function.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/vfio_user/server/negotiation.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace bellwire::testing {

/// PCI functions, each served on a socket of its own, all by one thread. The functions belong to
/// that thread: a test reaches them by with(), and drives them by the client
/// (vdev/transport/vfio_user/client/client.hpp).
template <class Function, std::size_t Count = 1>
class ServedFunction {
 public:
  ServedFunction()
      : ServedFunction([](boost::asio::io_context&) { return std::make_unique<Function>(); }) {}

  /// `make` is called with the context that will run the function, and returns a pointer to it.
  template <class Make>
  explicit ServedFunction(Make make) {
    for (std::size_t index = 0; index < Count; ++index) {
      functions_[index] = make(context_);
      servers_.push_back(
          vfio_user::Server::create(
              context_, *functions_[index],
              {.path = path(index), .on_client = [this](bool here) { clients_ += here ? 1 : -1; }})
              .value());
    }
    thread_ = std::thread([this] { context_.run(); });
  }
  ServedFunction(const ServedFunction&) = delete;
  ServedFunction& operator=(const ServedFunction&) = delete;
  ~ServedFunction() {
    boost::asio::post(context_, [this] {
      servers_.clear();
      context_.stop();
    });
    thread_.join();
  }

  [[nodiscard]] std::string path(std::size_t index = 0) const {
    return folder_.file(std::to_string(index));
  }

  /// Runs `act` on the functions' thread, and waits for it.
  template <class Act>
  auto with(Act act, std::size_t index = 0) {
    using Task = std::packaged_task<decltype(act(std::declval<Function&>()))()>;
    const auto task = std::make_shared<Task>([&] { return act(*functions_[index]); });
    auto result = task->get_future();
    boost::asio::post(context_, [task] { (*task)(); });
    return result.get();
  }

  /// How many clients have agreed on a version and not gone.
  [[nodiscard]] int clients() const noexcept { return clients_; }

 private:
  TemporaryFolder folder_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::array<std::unique_ptr<Function>, Count> functions_;
  std::atomic<int> clients_ = 0;
  std::vector<vfio_user::Server> servers_;
  std::thread thread_;
};

}  // namespace bellwire::testing

namespace bellwire::vfio_user {

/// The outcome of a message: 0, the errno of the reply, or one of these.
enum Outcome : int { accepted = 0, closed = -1, silence = -2 };

template <class T>
[[nodiscard]] Bytes bytes_of(const T& value) {
  Bytes bytes;
  append(bytes, value);
  return bytes;
}

[[nodiscard]] inline Bytes operator+(Bytes first, const Bytes& second) {
  append(first, second);
  return first;
}

[[nodiscard]] inline std::ptrdiff_t open_fds() {
  const auto begin = std::filesystem::directory_iterator("/proc/self/fd");
  return std::distance(begin, std::filesystem::directory_iterator());
}

/// A client that sends exactly what a test says, valid or not, and returns the outcome.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : socket_(os::connect_unix(path, "").value()) {}

  /// Sends what an honest client sends first.
  RawClient& agree() {
    say(command_header(Command::version, 0), write_version());
    if (outcome() != accepted) throw std::runtime_error("the device does not agree");
    return *this;
  }

  /// Sends a message, with the header's size filled in.
  bool say(Header header, const Bytes& payload, const std::vector<int>& fds = {}) {
    return say_bytes(pack(header, payload), fds);
  }
  /// Sends bytes as they are. False: the other side did not take all of them; the rest is lost.
  bool say_bytes(const Bytes& bytes, const std::vector<int>& fds = {}) {
    FrameWriter writer;
    writer.push({bytes, fds});
    for (int tries = 0; tries < 500; ++tries) {
      const auto sent = writer.flush(socket_.get());
      if (!sent || *sent) return sent.has_value();
      (void)os::wait_writable(socket_.get(), std::chrono::milliseconds(10));
    }
    return false;
  }

  /// Waits for a reply, or for the end of the connection.
  [[nodiscard]] int outcome(std::chrono::milliseconds patience = std::chrono::seconds(5)) {
    for (;;) {
      auto message = reader_.next(socket_.get());
      if (!message) return closed;
      if (*message) {
        last = std::move(**message);
        return (last.header.flags & flags::error) != 0 ? static_cast<int>(last.header.error) : 0;
      }
      if (!os::wait_readable(socket_.get(), patience)) return silence;
    }
  }

  [[nodiscard]] int ask(Command command, const Bytes& payload, const std::vector<int>& fds = {}) {
    say(command_header(command, 1), payload, fds);
    return outcome();
  }

  /// Answers a request of the device, which is `last`.
  void answer(const Bytes& payload, std::uint32_t error = 0) {
    auto header = last.header;
    header.flags = flags::reply | (error != 0 ? flags::error : 0);
    header.error = error;
    say(header, payload);
  }

  /// How many bytes have arrived and were not read.
  [[nodiscard]] std::size_t unread() const noexcept {
    int bytes = 0;
    return ::ioctl(socket_.get(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
  }

  Message last;

 private:
  os::UniqueFd socket_;
  FrameReader reader_;
};

/// Test functions on sockets.
template <std::size_t Count = 1>
using ServedFunctions = testing::ServedFunction<TestFunction, Count>;

}  // namespace bellwire::vfio_user
