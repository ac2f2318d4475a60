// SPDX-License-Identifier: BSD-3-Clause
//
// Served, for this folder's tests: devices on sockets, on a thread of their own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "vdev/testing/pci_test_function.hpp"
#include "vdev/testing/scripted_server.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace bellwire::vfio_user {

/// Devices, each on a socket of its own, all on one thread.
template <std::size_t Count = 1>
class Served {
 public:
  Served() {
    for (std::size_t index = 0; index < Count; ++index)
      servers_.push_back(
          Server::create(
              context_, functions_[index],
              {.path = path(index), .on_client = [this](bool here) { clients_ += here ? 1 : -1; }})
              .value());
    thread_ = std::thread([this] { context_.run(); });
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() {
    boost::asio::post(context_, [this] {
      servers_.clear();
      context_.stop();
    });
    thread_.join();
  }

  [[nodiscard]] std::string path(std::size_t index = 0) const {
    return folder_.file(std::to_string(index));
  }

  /// Runs `act` on the device's thread, and waits for it.
  template <class Act>
  auto with(Act act, std::size_t index = 0) {
    std::packaged_task<decltype(act(functions_[0]))()> task([&] { return act(functions_[index]); });
    auto result = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    return result.get();
  }

  /// Clients that have agreed on a version and not gone.
  [[nodiscard]] int clients() const noexcept { return clients_; }

 private:
  testing::TemporaryFolder folder_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::array<TestFunction, Count> functions_;
  std::atomic<int> clients_ = 0;
  std::vector<Server> servers_;
  std::thread thread_;
};

}  // namespace bellwire::vfio_user
