// SPDX-License-Identifier: BSD-3-Clause
//
// ServedFunction: a PCI function on a socket of its own, served by a thread of its own, for the
// vfio-user client to drive (vdev/transport/vfio_user/client/client.hpp). The function is that
// thread's: a test reaches it by with().
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "vdev/testing/scripted_server.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace bellwire::testing {

template <class Function>
class ServedFunction {
 public:
  ServedFunction()
      : ServedFunction([](boost::asio::io_context&) { return std::make_unique<Function>(); }) {}

  /// `make` is given the context that will run the function, and returns a pointer to it.
  template <class Make>
  explicit ServedFunction(Make make)
      : function_(make(context_)),
        server_(vfio_user::Server::create(context_, *function_, {.path = path()}).value()),
        thread_([this] { context_.run(); }) {}
  ServedFunction(const ServedFunction&) = delete;
  ServedFunction& operator=(const ServedFunction&) = delete;
  ~ServedFunction() {
    with([this](Function&) { server_.reset(); });
    context_.stop();
    thread_.join();
  }

  [[nodiscard]] std::string path() const { return folder_.file("device"); }

  /// Runs `act` on the function's thread, and waits for it.
  template <class Act>
  auto with(Act act) {
    std::packaged_task<decltype(act(std::declval<Function&>()))()> task(
        [&] { return act(*function_); });
    auto result = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    return result.get();
  }

 private:
  TemporaryFolder folder_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::unique_ptr<Function> function_;
  std::optional<vfio_user::Server> server_;
  std::thread thread_;
};

}  // namespace bellwire::testing
