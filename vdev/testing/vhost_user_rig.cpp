// SPDX-License-Identifier: BSD-3-Clause
//
// A device that echoes, served by vhost-user, and the front-end that a VMM would be. The device's
// process is a thread that serves the socket; the front-end keeps memory, wires and the inflight
// region while it is away, and connects again, as QEMU does.
#include <linux/virtio_config.h>

#include <boost/asio/post.hpp>
#include <stdexcept>
#include <thread>

#include "vdev/devices/virtio_request_device.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/testing/virtqueue_driver.hpp"
#include "vdev/testing/virtqueue_rigs.hpp"
#include "vdev/transport/vhost_user/client/front_end.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::testing {
namespace {

using vhost_user::FrontEnd;

constexpr vhost_user::PieceShape piece{.guest_address = std::uint64_t{1} << 32,
                                       .size = 1 << 20,
                                       .user_address = std::uint64_t{0x7F00} << 32};

// What the device's process has.
class ServedEcho {
 public:
  ServedEcho(const std::string& path, const VirtqueuePlan& plan)
      : device_(make_device(plan.echoes), plan.queues),
        backend_(
            virtio::Backend::create(context_, device_, memory_, {.polling = plan.polling}).value()),
        server_(vhost_user::Server::create(context_, backend_, memory_, {.path = path}).value()),
        thread_([this] { context_.run(); }) {}
  ServedEcho(const ServedEcho&) = delete;
  ~ServedEcho() {
    boost::asio::post(context_, [this] {
      server_.reset();
      context_.stop();
    });
    thread_.join();
  }

 private:
  boost::asio::io_context context_{one_thread};
  VirtioRequestDevice device_;
  DmaSpace memory_;
  virtio::Backend backend_;
  std::optional<vhost_user::Server> server_;
  std::thread thread_;
};

class VhostUserRig final : public Rig {
 public:
  VhostUserRig(const VirtqueuePlan& plan, std::unique_ptr<machine::Machine> machine)
      : plan_(plan),
        machine_(std::move(machine)),
        front_(make_front_end()),
        errors_(os::create_shared_events(plan.queues).value()),
        guest_(view(), piece.guest_address, places()),
        endpoint_(machine::Endpoint::plug(*machine_, wires(&vhost_user::Ring::kick),
                                          wires(&vhost_user::Ring::call))
                      .value()) {}

  void start_device() override {
    device_.emplace(path_, plan_);
    connect();
  }
  void stop_device() override {
    device_.reset();
    front_.hang_up();
  }
  machine::Endpoint& endpoint() override { return endpoint_; }
  std::unique_ptr<RequestDriver> driver(unsigned queue) override {
    return guest_.driver(queue, *this, [this, queue] {
      if (!errors_[queue].wait(patience))
        throw std::runtime_error("a broken queue was not reported");
    });
  }
  void replace_drivers() override {
    for (unsigned index = 0; index < plan_.queues; ++index) front_.stop_ring(index).value();
    front_.hang_up();
    front_.inflight() = {};
    guest_.begin();
    connect();
  }

 private:
  void connect() {
    front_.reconnect(path_).value();
    front_.bring_up().value();
    for (unsigned index = 0; index < plan_.queues; ++index)
      front_.set_wire(vhost_user::Request::set_vring_err, index, &errors_[index]).value();
  }

  FrontEnd make_front_end() {
    using vhost_user::bit;
    const vhost_user::Wishes wishes{.queues = plan_.queues,
                                    .queue_size = VirtqueueGuest::entries,
                                    .features = bit(VIRTIO_RING_F_EVENT_IDX) |
                                                bit(VIRTIO_RING_F_INDIRECT_DESC) |
                                                (plan_.packed ? bit(VIRTIO_F_RING_PACKED) : 0)};
    return FrontEnd::create(vhost_user::Link(os::UniqueFd(), {.limit = patience}, transcript_),
                            *vhost_user::dialect_of("qemu-8"), wishes,
                            vhost_user::GuestMemory::create({&piece, 1}).value())
        .value();
  }

  MemoryView view() {
    return MemoryView(os::Mapping::create(front_.memory().fd(0), piece.size).value());
  }

  std::vector<VirtqueuePlace> places() {
    std::vector<VirtqueuePlace> places;
    for (unsigned index = 0; index < plan_.queues; ++index) {
      const auto areas = front_.ring(index).words.areas();
      places.push_back({{.size = VirtqueueGuest::entries,
                         .packed = plan_.packed,
                         .event_index = true,
                         .indirect = true,
                         .descriptors = areas.descriptors,
                         .driver_area = areas.driver,
                         .device_area = areas.device},
                        front_.memory().allocate(VirtqueueGuest::payload_size)});
    }
    return places;
  }

  std::vector<os::EventFd> wires(os::EventFd vhost_user::Ring::*wire) {
    std::vector<os::EventFd> events;
    for (unsigned index = 0; index < plan_.queues; ++index)
      events.push_back((front_.ring(index).*wire).duplicate().value());
    return events;
  }

  const VirtqueuePlan plan_;
  TemporaryFolder folder_;
  const std::string path_ = folder_.file("socket");
  vhost_user::Transcript transcript_;
  std::unique_ptr<machine::Machine> machine_;
  FrontEnd front_;
  std::vector<os::EventFd> errors_;
  VirtqueueGuest guest_;
  machine::Endpoint endpoint_;
  std::optional<ServedEcho> device_;
};

}  // namespace

Result<std::unique_ptr<Rig>> make_vhost_user_rig(const VirtqueuePlan& plan) {
  auto machine = plan.machine({});
  if (!machine) return machine.error();
  return std::unique_ptr<Rig>(std::make_unique<VhostUserRig>(plan, std::move(*machine)));
}

}  // namespace bellwire::testing
