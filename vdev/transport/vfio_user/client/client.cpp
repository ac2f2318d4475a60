// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/client/client.hpp"

#include <algorithm>

#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vfio_user/client/client_link.hpp"

namespace bellwire::vfio_user {
namespace {
constexpr std::uint32_t readable_writable = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
constexpr std::uint32_t enough_for_info = 4096;  // bytes of a reply's payload

template <class T>
Result<T> reply_as(Result<Message> reply) {
  if (!reply) return reply.error();
  if (const auto value = head<T>(reply->payload)) return *value;
  return fault(std::errc::protocol_error, "a reply to command {} of only {} bytes",
               reply->header.command, reply->payload.size());
}

Result<void> done(const Result<Message>& reply) {
  if (!reply) return reply.error();
  return {};
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

Bytes write_payload(std::uint32_t region, std::uint64_t offset, std::span<const std::byte> from) {
  Bytes payload;
  append(payload, RegionAccess{offset, region, static_cast<std::uint32_t>(from.size())});
  append(payload, from);
  return payload;
}

std::vector<pci::Area> sparse_areas(std::span<const std::byte> capability) {
  struct Head {  // vfio_region_info_cap_sparse_mmap, without its areas
    vfio_info_cap_header header;
    std::uint32_t nr_areas;
    std::uint32_t reserved;
  };
  std::vector<pci::Area> areas;
  const auto found = head<Head>(capability);
  for (std::size_t at = sizeof(Head); found && areas.size() < found->nr_areas;
       at += sizeof(vfio_region_sparse_mmap_area)) {
    const auto area =
        head<vfio_region_sparse_mmap_area>(capability.subspan(std::min(at, capability.size())));
    if (!area) break;
    areas.push_back({area->offset, area->size});
  }
  return areas;
}

// What a region's capabilities say can be mapped; all of it, if they don't say.
std::vector<pci::Area> areas_of(const vfio_region_info& info, std::span<const std::byte> payload) {
  if ((info.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0) return {};
  std::size_t at = (info.flags & VFIO_REGION_INFO_FLAG_CAPS) != 0 ? info.cap_offset : 0;
  while (at != 0 && at < payload.size()) {
    const auto capability = payload.subspan(at);
    const auto found = head<vfio_info_cap_header>(capability);
    if (!found) break;
    if (found->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) return sparse_areas(capability);
    at = found->next > at ? found->next : 0;
  }
  return {{0, info.size}};
}

}  // namespace

struct Client::Impl {
  ClientLink link;
  Capabilities server;
};

Client::Client(std::unique_ptr<Impl> state) noexcept : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& path, std::chrono::milliseconds patience) {
  auto socket = os::connect_unix(path, "");
  if (!socket)
    return Error{socket.error().code, text("is a vfio-user device served at '{}'? {}", path,
                                           socket.error().code.message())};
  ClientLink link(std::move(*socket), patience);
  const auto reply = link.ask(Command::version, write_version(), {});
  if (!reply) return reply.error();
  auto server = read_version(reply->payload);
  if (!server) return server.error();
  return Client(std::make_unique<Impl>(Impl{std::move(link), server->capabilities}));
}

const Capabilities& Client::server() const noexcept {
  return state_->server;
}

Result<Message> Client::ask(Command command, std::span<const std::byte> payload,
                            std::vector<int> fds) {
  return state_->link.ask(command, payload, std::move(fds));
}

Result<DeviceInfo> Client::info() {
  return reply_as<DeviceInfo>(
      ask(Command::device_get_info, bytes_of(DeviceInfo{sizeof(DeviceInfo), 0, 0, 0})));
}

Result<RegionInfo> Client::region(std::uint32_t index) {
  vfio_region_info asked{};
  asked.argsz = enough_for_info;
  asked.index = index;
  auto reply = ask(Command::device_get_region_info, bytes_of(asked));
  if (!reply) return reply.error();
  const auto info = head<vfio_region_info>(reply->payload);
  if (!info) return fault(std::errc::protocol_error, "region {}: the reply is cut off", index);
  RegionInfo region{info->size, info->flags, info->offset, areas_of(*info, reply->payload), {}};
  if (!reply->fds.empty()) region.fd = std::move(reply->fds.front());
  return region;
}

Result<std::vector<RegionDoorbell>> Client::doorbells(std::uint32_t index) {
  const RegionIoFds asked{enough_for_info, 0, index, 0};
  auto reply = ask(Command::device_get_region_io_fds, bytes_of(asked));
  if (!reply) return reply.error();
  const auto info = head<RegionIoFds>(reply->payload);
  std::vector<RegionDoorbell> doorbells;
  for (std::size_t at = sizeof(RegionIoFds); info && doorbells.size() < info->count;
       at += sizeof(IoEventFd)) {
    const auto place =
        head<IoEventFd>(std::span(reply->payload).subspan(std::min(at, reply->payload.size())));
    if (!place || place->fd_index >= reply->fds.size())
      return fault(std::errc::protocol_error, "region {}: a doorbell without its eventfd", index);
    auto event = os::EventFd::adopt(reply->fds[place->fd_index].duplicate());
    if (!event) return event.error();
    doorbells.push_back({*place, std::move(*event)});
  }
  return doorbells;
}

Result<void> Client::reset() {
  return done(ask(Command::device_reset, {}));
}

Result<void> Client::read(std::uint32_t region, std::uint64_t offset, std::span<std::byte> into) {
  const RegionAccess access{offset, region, static_cast<std::uint32_t>(into.size())};
  const auto reply = ask(Command::region_read, bytes_of(access));
  if (!reply) return reply.error();
  if (reply->payload.size() != sizeof access + into.size())
    return fault(std::errc::protocol_error, "{} bytes of reply to a read of {}",
                 reply->payload.size(), into.size());
  std::ranges::copy(std::span(reply->payload).subspan(sizeof access), into.begin());
  return {};
}

Result<void> Client::write(std::uint32_t region, std::uint64_t offset,
                           std::span<const std::byte> from) {
  return done(ask(Command::region_write, write_payload(region, offset, from)));
}

Result<void> Client::post(std::uint32_t region, std::uint64_t offset,
                          std::span<const std::byte> from) {
  return state_->link.notify(Command::region_write, write_payload(region, offset, from));
}

Result<void> Client::write_multi(std::span<const SmallWrite> writes) {
  Bytes payload;
  append(payload, WriteMulti{writes.size()});
  append(payload, std::as_bytes(writes));
  return done(ask(Command::region_write_multi, payload));
}

Result<void> Client::map(std::uint64_t address, std::uint64_t size, int fd, std::uint64_t offset) {
  return done(ask(Command::dma_map,
                  bytes_of(DmaMap{sizeof(DmaMap), readable_writable, offset, address, size}),
                  {fd}));
}

Result<void> Client::map(std::uint64_t address, std::span<std::byte> bytes) {
  const DmaMap request{sizeof(DmaMap), readable_writable, 0, address, bytes.size()};
  auto mapped = done(ask(Command::dma_map, bytes_of(request)));
  if (mapped) state_->link.memory().add(address, bytes);
  return mapped;
}

Result<void> Client::unmap(std::uint64_t address, std::uint64_t size) {
  auto unmapped =
      done(ask(Command::dma_unmap, bytes_of(DmaUnmap{sizeof(DmaUnmap), 0, address, size})));
  if (unmapped) state_->link.memory().remove(address);
  return unmapped;
}

Result<void> Client::serve(const std::function<bool()>& enough) {
  return state_->link.serve(enough);
}

std::uint64_t Client::served() const noexcept {
  return state_->link.memory().served();
}

Result<vfio_irq_info> Client::irqs(std::uint32_t index) {
  return reply_as<vfio_irq_info>(ask(Command::device_get_irq_info,
                                     bytes_of(vfio_irq_info{sizeof(vfio_irq_info), 0, index, 0})));
}

Result<void> Client::connect_irqs(std::uint32_t index, std::uint32_t start,
                                  const std::vector<os::EventFd>& events) {
  constexpr std::uint32_t how = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
  const auto most = std::clamp<std::uint64_t>(state_->server.max_msg_fds, 1, most_message_fds);
  for (std::size_t at = 0; at < events.size();) {
    std::vector<int> fds;
    for (; fds.size() < most && at < events.size(); ++at) fds.push_back(events[at].fd());
    const auto count = static_cast<std::uint32_t>(fds.size());
    const auto first = start + static_cast<std::uint32_t>(at) - count;
    const IrqSet request{sizeof(IrqSet), how, index, first, count};
    if (auto set = done(ask(Command::device_set_irqs, bytes_of(request), fds)); !set) return set;
  }
  return {};
}

Result<void> Client::disconnect_irqs(std::uint32_t index) {
  return act_on_irqs(index, 0, 0, VFIO_IRQ_SET_ACTION_TRIGGER);
}

Result<void> Client::act_on_irqs(std::uint32_t index, std::uint32_t start, std::uint32_t count,
                                 std::uint32_t action) {
  const IrqSet request{sizeof(IrqSet), VFIO_IRQ_SET_DATA_NONE | action, index, start, count};
  return done(ask(Command::device_set_irqs, bytes_of(request)));
}

}  // namespace bellwire::vfio_user
