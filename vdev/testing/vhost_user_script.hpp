// SPDX-License-Identifier: BSD-3-Clause
//
// For tests of a vhost-user back-end: ServedBackend serves a device on a socket, and
// ScriptedFrontEnd sends it exactly what a test says. Everything is on the test's thread: the loop
// runs while the test waits for something.
#pragma once

#include <doctest/doctest.h>
#include <linux/virtio_config.h>

#include <filesystem>
#include <iterator>

#include "vdev/os/unix_socket.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/loop.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/testing/virtqueue_pair.hpp"
#include "vdev/transport/vhost_user/protocol/messages.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::testing {

using vhost_user::Request;

/// A device of two queues, served.
struct ServedBackend {
  explicit ServedBackend(vhost_user::ServerOptions options = {}, std::uint16_t id = VIRTIO_ID_RNG)
      : device(id) {
    if (options.path.empty()) options.path = folder.file("socket");
    path = options.path;
    server.emplace(
        vhost_user::Server::create(loop.context, backend, memory, std::move(options)).value());
  }

  TemporaryFolder folder;
  std::string path;
  Loop loop;
  HoldingDevice device;
  DmaSpace memory;
  virtio::Backend backend = virtio::Backend::create(loop.context, device, memory).value();
  std::optional<vhost_user::Server> server;
};

[[nodiscard]] inline std::ptrdiff_t open_descriptors() {
  const auto begin = std::filesystem::directory_iterator("/proc/self/fd");
  return std::distance(begin, std::filesystem::directory_iterator());
}

class ScriptedFrontEnd {
 public:
  static constexpr std::uint64_t guest_base = 0x1'0000'0000;
  static constexpr std::uint64_t user_base = 0x7F00'0000'0000;
  static constexpr std::uint64_t memory_size = 1 << 20;
  static constexpr std::uint16_t queue_size = 16;

  struct Queue {
    virtio::QueueLayout layout;  // guest addresses
    virtio::DriverVirtqueue driver;
    os::EventFd kick = os::EventFd::create_shared().value();
    os::EventFd call = os::EventFd::create_shared().value();
  };

  ScriptedFrontEnd(Loop& loop, const std::string& path, bool packed = false)
      : ScriptedFrontEnd(loop, os::connect_unix(path, "").value(), packed) {}
  explicit ScriptedFrontEnd(ServedBackend& served, bool packed = false)
      : ScriptedFrontEnd(served.loop, served.path, packed) {}
  ScriptedFrontEnd(Loop& loop, os::UniqueFd socket, bool packed = false)
      : loop_(loop), socket_(std::move(socket)), packed_(packed) {
    space_.add({.address = guest_base, .size = memory_size, .memory = view_}).value();
    for (unsigned index = 0; index < 2; ++index) make_queue(index);
  }

  // Messages.

  void say(Request request, const vhost_user::Bytes& payload, const std::vector<int>& fds = {},
           std::uint32_t flags = 0) {
    send(vhost_user::pack(request, payload, flags), fds);
  }
  template <class T>
  void say(Request request, const T& payload, const std::vector<int>& fds = {},
           std::uint32_t flags = 0) {
    say(request, bytes_of(payload), fds, flags);
  }
  void say(Request request) { say(request, vhost_user::Bytes()); }
  void send(const vhost_user::Bytes& bytes, const std::vector<int>& fds = {}) {
    (void)os::send_parcel(socket_.get(), bytes, fds);  // the other side may have hung up
  }

  /// The next message of the back-end. Empty: it has closed the connection.
  std::optional<vhost_user::Message> answer() {
    std::optional<vhost_user::Message> got;
    bool closed = false;
    const bool came = loop_.run_until([&] {
      auto message = reader_.next(socket_.get());
      closed = !message;
      if (message && *message) got = std::move(**message);
      return closed || got;
    });
    REQUIRE(came);
    return got;
  }
  [[nodiscard]] bool closed() { return !answer().has_value(); }

  template <class T = std::uint64_t, class... Payload>
  T ask(Request request, const Payload&... payload) {
    say(request, payload...);
    const auto got = answer();
    REQUIRE(got.has_value());
    CHECK(got->header.request == static_cast<std::uint32_t>(request));
    CHECK(got->header.flags == 5);
    REQUIRE(got->payload.size() == sizeof(T));
    return *vhost_user::head<T>(got->payload);
  }
  /// What a request that asks to be answered is answered with.
  template <class T>
  std::uint64_t acknowledged(Request request, const T& payload, const std::vector<int>& fds = {}) {
    say(request, payload, fds, vhost_user::flags::need_reply);
    const auto got = answer();
    REQUIRE(got.has_value());
    CHECK(got->header.request == static_cast<std::uint32_t>(request));
    CHECK(got->header.flags == 5);
    REQUIRE(got->payload.size() == sizeof(std::uint64_t));
    return *vhost_user::head<std::uint64_t>(got->payload);
  }
  /// All requests before have been carried out, and none of them was answered.
  void settle() { CHECK(ask(Request::get_protocol_features) != 0); }

  // Scripts.

  /// Accepts these device features, beside what the rings need, and all protocol features.
  void negotiate(std::uint64_t features = 0) {
    protocol(ask(Request::get_protocol_features));
    accept(features);
  }
  void protocol(std::uint64_t features) { say(Request::set_protocol_features, features); }
  void accept(std::uint64_t features = 0) {
    using vhost_user::bit;
    features |= bit(VIRTIO_F_VERSION_1) | bit(vhost_user::f_protocol_features);
    if (packed_) features |= bit(VIRTIO_F_RING_PACKED);
    say(Request::set_features, features);
  }
  [[nodiscard]] vhost_user::MemoryRegion region() const {
    return {guest_base, memory_size, user_base, 0};
  }
  void share_memory() {
    vhost_user::Bytes table = bytes_of(std::uint64_t{1});
    vhost_user::append(table, region());
    say(Request::set_mem_table, table, {file_.get()});
  }
  [[nodiscard]] vhost_vring_addr addresses(unsigned index, unsigned flags = 0,
                                           std::uint64_t log = 0) const {
    const auto& layout = queues[index].layout;
    constexpr auto shift = user_base - guest_base;
    return {index,
            flags,
            layout.descriptors + shift,
            layout.device_area + shift,
            layout.driver_area + shift,
            log};
  }
  /// N, B, A, K, C, E: num, base, addr, kick, call, enable.
  void set_ring(unsigned index, std::string_view order = "NBACEK", std::uint32_t base = 0) {
    for (const char step : order) set(index, step, base);
  }
  void start(unsigned index = 0, std::uint32_t base = 0) { set_ring(index, "CNBAKE", base); }
  void set_up() {
    negotiate();
    share_memory();
    start(0);
  }
  void enable(unsigned index, bool on) {
    say(Request::set_vring_enable, vhost_vring_state{index, on ? 1U : 0U});
  }
  std::uint32_t stop(unsigned index) {
    const auto state = ask<vhost_vring_state>(Request::get_vring_base, vhost_vring_state{index, 0});
    CHECK(state.index == index);
    return state.num;
  }

  // The guest's driver.

  /// Makes a chain of one writable buffer available.
  void offer(unsigned index = 0, std::uint64_t token = 0, std::uint32_t size = 64) {
    const virtio::GuestBuffer buffer{free_, size};
    free_ += (size + 63) / 64 * 64;
    REQUIRE(free_ <= guest_base + memory_size);
    REQUIRE(queues[index].driver.add({}, std::span(&buffer, 1), token));
    queues[index].driver.publish();
  }
  void submit(unsigned index = 0, std::uint64_t token = 0) {
    offer(index, token);
    if (queues[index].driver.should_kick()) queues[index].kick.ring();
  }
  virtio::UsedChain used(unsigned index = 0) {
    std::optional<virtio::UsedChain> got;
    REQUIRE(loop_.run_until([&] { return (got = queues[index].driver.poll_used()).has_value(); }));
    return *got;
  }

  /// A driver begins anew, in the same memory.
  void reboot() {
    queues.clear();
    for (unsigned index = 0; index < 2; ++index) make_queue(index);
  }

  template <class T>
  static vhost_user::Bytes bytes_of(const T& value) {
    vhost_user::Bytes bytes;
    vhost_user::append(bytes, value);
    return bytes;
  }

  [[nodiscard]] const os::UniqueFd& file() const { return file_; }
  [[nodiscard]] std::span<std::byte> memory() const { return view_.bytes(); }
  void hang_up() { socket_.reset(); }

  std::vector<Queue> queues;

 private:
  void set(unsigned index, char step, std::uint32_t base) {
    switch (step) {
      case 'N':
        return say(Request::set_vring_num, vhost_vring_state{index, queue_size});
      case 'B':
        return say(Request::set_vring_base, vhost_vring_state{index, base});
      case 'A':
        return say(Request::set_vring_addr, addresses(index));
      case 'K':
        return say(Request::set_vring_kick, std::uint64_t{index}, {queues[index].kick.fd()});
      case 'C':
        return say(Request::set_vring_call, std::uint64_t{index}, {queues[index].call.fd()});
      case 'E':
        return enable(index, true);
      default:
        FAIL("no such step");
    }
  }
  void make_queue(unsigned index) {
    const auto at = guest_base + index * 0x4000;
    const virtio::QueueLayout layout{.size = queue_size,
                                     .packed = packed_,
                                     .descriptors = at,
                                     .driver_area = at + 0x1000,
                                     .device_area = at + 0x2000};
    queues.push_back({layout, virtio::DriverVirtqueue::create(layout, {}, space_).value()});
  }

  Loop& loop_;
  os::UniqueFd socket_;
  bool packed_;
  vhost_user::FrameReader reader_;
  os::UniqueFd file_ = os::create_memfd("guest", memory_size).value();
  MemoryView view_{os::Mapping::create(file_.get(), memory_size).value()};
  DmaSpace space_;
  std::uint64_t free_ = guest_base + 0x10000;
};

}  // namespace bellwire::testing
