// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/vhost_user_service.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "host/output/json_text.hpp"
#include "vdev/core/dma_space.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"

namespace bellwire::host {
namespace {

// In the order in which they are made; the socket is closed first.
struct Service {
  DmaSpace memory;
  std::optional<virtio::Backend> backend;
  std::optional<vhost_user::Server> server;
};

// For a queue: its kick, what waits for that, its call and its error event, twice while one
// replaces the other.
unsigned descriptors_each(const virtio::BackendOptions& options) noexcept {
  return 8 + Runner::descriptors_each + Moderation::descriptors_each(options.moderate) +
         fault_descriptors(options.faults.get());
}

constexpr unsigned other_descriptors = 64;  // a front-end's socket and channel, a message's

struct Kind {
  std::string_view device;
  std::string_view type;  // in the schema
  std::vector<std::string_view> features;
};

std::vector<Kind> kinds() {
  return {{"rng", "rng", {}}, {"blk", "block", {"read-only", "blk-file"}}, {"net", "net", {}}};
}

}  // namespace

Result<VirtioService> serve_by_vhost_user(boost::asio::io_context& context,
                                          const VhostUserPlace& place, virtio::Device& device,
                                          const VirtioPlan& plan) {
  const auto fds = device.traits().queues * descriptors_each(plan.backend) + other_descriptors;
  if (auto enough = os::ensure_more_fds(plan.places * fds + plan.other_descriptors); !enough)
    return enough.error();
  const auto service = std::make_shared<Service>();
  auto backend = virtio::Backend::create(context, device, service->memory, plan.backend);
  if (!backend) return backend.error();
  service->backend.emplace(std::move(*backend));
  vhost_user::ServerOptions where{.path = place.path, .connect = place.connect};
  if (place.fd) {
    where.path = text("descriptor {}", *place.fd);
    where.socket = os::UniqueFd(*place.fd);
    where.on_end = plan.on_end;
  }
  auto server =
      vhost_user::Server::create(context, *service->backend, service->memory, std::move(where));
  if (!server) return server.error();
  service->server.emplace(std::move(*server));
  return VirtioService(service);
}

Result<std::string> vhost_user_capabilities(std::string_view device) {
  for (const auto& kind : kinds()) {
    if (kind.device != device) continue;
    boost::json::array features;
    for (const auto name : kind.features) features.emplace_back(boost::json::string(name));
    return json_text(boost::json::object{{"type", boost::json::string(kind.type)},
                                         {"features", std::move(features)}});
  }
  return fault(std::errc::invalid_argument,
               "--print-capabilities: vhost-user.json, the schema, has no type for {}", device);
}

}  // namespace bellwire::host
