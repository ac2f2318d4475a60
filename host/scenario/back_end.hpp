// SPDX-License-Identifier: BSD-3-Clause
//
// BackEnd: a device served over vhost-user by the product's own server, on a thread that stands for
// its process. The device reads the number of each request and answers with the number's
// complement; while it is held, its requests wait.
//
// Each object is one life of the process. All calls are for the thread that owns it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "vdev/loop/asio.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire::host {

[[nodiscard]] constexpr std::uint64_t answer_to(std::uint64_t number) noexcept {
  return ~number;
}

/// On the loop's thread.
class AnsweringDevice final : public virtio::Device {
 public:
  [[nodiscard]] virtio::Traits traits() const noexcept override;
  void handle(virtio::Request request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  void set_held(bool held) noexcept;
  [[nodiscard]] const std::set<std::uint64_t>& taken() const noexcept { return taken_; }

 private:
  static void answer(virtio::Request request) noexcept;
  bool held_ = false;
  std::deque<virtio::Request> waiting_;
  std::set<std::uint64_t> taken_;
};

class BackEnd {
 public:
  /// `socket` is connected to a front-end. Throws if it can't be served.
  explicit BackEnd(os::UniqueFd socket);
  BackEnd(const BackEnd&) = delete;
  ~BackEnd();

  /// All that was ready when it was called has been handled when it returns.
  void settle();
  /// True: requests wait from now on. False: they are answered, and those that waited first.
  void set_held(bool held);

  struct Counts {
    std::set<std::uint64_t> taken;  ///< numbers of the requests that this process has taken
    std::uint64_t kicks = 0, calls = 0;
  };
  [[nodiscard]] Counts counts();

 private:
  template <class Work>
  void on_its_thread(Work work);

  boost::asio::io_context context_{one_thread};
  AnsweringDevice device_;
  DmaSpace memory_;
  virtio::Backend backend_;
  std::optional<vhost_user::Server> server_;
  std::thread thread_;
};

}  // namespace bellwire::host
