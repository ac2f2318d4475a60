// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/commands.hpp"

#include <algorithm>

namespace bellwire::vfio_user {
namespace {

constexpr std::size_t any = most_message;

Error malformed(const char* what) {
  return fault(std::errc::invalid_argument, "{}", what);
}

// The table has checked that it is there.
template <class T>
T take(const Message& request) {
  return *head<T>(request.payload);
}

template <class T>
Reply reply_with(const T& value) {
  Reply reply;
  append(reply.payload, value);
  return reply;
}

}  // namespace

// The form of a command, and its handler. Where the payload has an argsz for a longer reply,
// clients send the request in a buffer of that size (SPDK: 4,064 bytes), and what follows the
// structure means nothing. Descriptors that a command has no use for are closed.
struct Commands::Rule {
  Command command;
  const char* name;
  std::size_t least;  // bytes of payload
  std::size_t most;
  std::size_t fds;  // at most, that it uses
  Result<Reply> (Commands::*handler)(Message&);
};

constexpr Commands::Rule Commands::rules[] = {
    {Command::version, "VERSION", sizeof(Version), sizeof(Version) + most_version_data, 0,
     &Commands::version},
    {Command::dma_map, "DMA_MAP", sizeof(DmaMap), sizeof(DmaMap), 1, &Commands::dma_map},
    {Command::dma_unmap, "DMA_UNMAP", sizeof(DmaUnmap), any, 0, &Commands::dma_unmap},
    {Command::device_get_info, "DEVICE_GET_INFO", sizeof(DeviceInfo), any, 0, &Commands::get_info},
    {Command::device_get_region_info, "DEVICE_GET_REGION_INFO", sizeof(vfio_region_info), any, 0,
     &Commands::get_region_info},
    {Command::device_get_region_io_fds, "DEVICE_GET_REGION_IO_FDS", sizeof(RegionIoFds), any, 0,
     &Commands::get_region_io_fds},
    {Command::device_get_irq_info, "DEVICE_GET_IRQ_INFO", sizeof(vfio_irq_info), any, 0,
     &Commands::get_irq_info},
    {Command::device_set_irqs, "DEVICE_SET_IRQS", sizeof(IrqSet), any, most_message_fds,
     &Commands::set_irqs},
    {Command::region_read, "REGION_READ", sizeof(RegionAccess), sizeof(RegionAccess), 0,
     &Commands::region_read},
    {Command::region_write, "REGION_WRITE", sizeof(RegionAccess), any, 0, &Commands::region_write},
    {Command::device_reset, "DEVICE_RESET", 0, 0, 0, &Commands::reset},
    {Command::region_write_multi, "REGION_WRITE_MULTI", sizeof(WriteMulti), any, 0,
     &Commands::write_multi},
    {Command::dirty_pages, "DIRTY_PAGES", 0, any, 0, &Commands::not_here},
    {Command::device_feature, "DEVICE_FEATURE", 0, any, 0, &Commands::not_here},
    {Command::mig_data_read, "MIG_DATA_READ", 0, any, 0, &Commands::not_here},
    {Command::mig_data_write, "MIG_DATA_WRITE", 0, any, 0, &Commands::not_here},
};

Commands::Commands(pci::Function& function, UnmaskBy unmask_by) noexcept
    : function_(function),
      dma_(function.memory()),
      regions_(function),
      irqs_(function.interrupts(), std::move(unmask_by)) {}

Commands::~Commands() {
  irqs_.disconnect();
  function_.memory().clear();
  function_.access().client_gone();
}

Result<Reply> Commands::handle(Message request) {
  const auto& header = request.header;
  const auto* const rule =
      std::ranges::find(rules, static_cast<Command>(header.command), &Rule::command);
  if (rule == std::end(rules))
    return fault(std::errc::invalid_argument, "command {} is not one that clients send",
                 header.command);
  if ((header.flags & ~flags::no_reply) != 0)
    return fault(std::errc::invalid_argument, "{} with flags {:#x}", rule->name, header.flags);
  if (client_.has_value() == (rule->command == Command::version))
    return fault(std::errc::invalid_argument, "{} {}", rule->name,
                 client_ ? "for a second time" : "before VERSION");
  const auto size = request.payload.size();
  const auto most_fds = rule->fds == 0 ? most_message_fds : rule->fds;
  if (size < rule->least || size > rule->most || request.fds.size() > most_fds)
    return fault(std::errc::invalid_argument,
                 "{} of {} bytes with {} descriptors: it must have {} to {} bytes, and at most {} "
                 "descriptors",
                 rule->name, size, request.fds.size(), rule->least, rule->most, most_fds);
  return (this->*rule->handler)(request);
}

std::size_t Commands::most_fds() const noexcept {
  return std::min<std::uint64_t>(client_->max_msg_fds, most_message_fds);
}

Result<Reply> Commands::version(Message& request) {
  const auto proposal = read_version(request.payload);
  if (!proposal) return proposal.error();
  client_ = proposal->capabilities;
  return Reply{write_version(proposal->named), {}};
}

Result<Reply> Commands::dma_map(Message& request) {
  auto fd = request.fds.empty() ? os::UniqueFd() : std::move(request.fds.front());
  if (auto mapped = dma_.map(take<DmaMap>(request), std::move(fd)); !mapped) return mapped.error();
  return Reply{};
}

Result<Reply> Commands::dma_unmap(Message& request) {
  const auto entry = take<DmaUnmap>(request);
  if (auto unmapped = dma_.unmap(entry); !unmapped) return unmapped.error();
  return reply_with(entry);
}

Result<Reply> Commands::get_info(Message& request) {
  const auto asked = take<DeviceInfo>(request);
  if (asked.argsz < sizeof asked || (asked.flags | asked.num_regions | asked.num_irqs) != 0)
    return malformed("DEVICE_GET_INFO: argsz is too small, or another field is not zero");
  return reply_with(DeviceInfo{sizeof(DeviceInfo), VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
                               VFIO_PCI_NUM_REGIONS, VFIO_PCI_NUM_IRQS});
}

Result<Reply> Commands::get_region_info(Message& request) {
  const auto asked = take<vfio_region_info>(request);
  if ((asked.flags | asked.cap_offset | asked.size | asked.offset) != 0)
    return malformed("DEVICE_GET_REGION_INFO: a field beside argsz and index is not zero");
  auto info = regions_.info(asked.index, asked.argsz, most_fds());
  if (!info) return info.error();
  Reply reply{std::move(info->payload), {}};
  if (info->fd >= 0) reply.fds.push_back(info->fd);
  return reply;
}

Result<Reply> Commands::get_region_io_fds(Message& request) {
  const auto asked = take<RegionIoFds>(request);
  if ((asked.flags | asked.count) != 0)
    return malformed("DEVICE_GET_REGION_IO_FDS: a field beside argsz and index is not zero");
  auto answer = regions_.io_fds(asked.index, asked.argsz, most_fds());
  if (!answer) return answer.error();
  return Reply{std::move(answer->payload), std::move(answer->fds)};
}

Result<Reply> Commands::get_irq_info(Message& request) {
  const auto asked = take<vfio_irq_info>(request);
  if (asked.argsz < sizeof asked || (asked.flags | asked.count) != 0)
    return malformed("DEVICE_GET_IRQ_INFO: argsz is too small, or another field is not zero");
  const auto info = irqs_.info(asked.index);
  if (!info) return info.error();
  return reply_with(*info);
}

Result<Reply> Commands::set_irqs(Message& request) {
  const auto data = std::span<const std::byte>(request.payload).subspan(sizeof(IrqSet));
  auto set = irqs_.set(take<IrqSet>(request), data, std::move(request.fds));
  if (!set) return set.error();
  return Reply{};
}

Result<Reply> Commands::region_read(Message& request) {
  const auto access = take<RegionAccess>(request);
  if (auto checked = regions_.check(access); !checked) return checked.error();
  auto reply = reply_with(access);
  reply.payload.resize(sizeof access + access.count);
  regions_.read(access, std::span(reply.payload).subspan(sizeof access));
  return reply;
}

Result<Reply> Commands::region_write(Message& request) {
  const auto access = take<RegionAccess>(request);
  const auto data = std::span<const std::byte>(request.payload).subspan(sizeof access);
  if (auto checked = regions_.check(access); !checked) return checked.error();
  if (data.size() != access.count)
    return malformed("REGION_WRITE: count is not the size of its data");
  regions_.write(access, data);
  return reply_with(access);
}

// All writes are checked before the first is done.
Result<Reply> Commands::write_multi(Message& request) {
  const auto count = take<WriteMulti>(request).count;
  const auto data = std::span<const std::byte>(request.payload).subspan(sizeof(WriteMulti));
  if (count != data.size() / sizeof(SmallWrite) || data.size() % sizeof(SmallWrite) != 0)
    return malformed("REGION_WRITE_MULTI: count is not the number of its writes");
  std::vector<SmallWrite> writes(count);
  if (count > 0) std::memcpy(writes.data(), data.data(), data.size());  // else both may be null
  for (const auto& write : writes) {
    if (auto checked = regions_.check(write.access); !checked) return checked.error();
    if (write.access.count > sizeof write.data)
      return malformed("REGION_WRITE_MULTI: a write of more than 8 bytes");
  }
  for (const auto& write : writes)
    regions_.write(write.access, std::span(write.data).first(write.access.count));
  return reply_with(WriteMulti{count});
}

Result<Reply> Commands::reset(Message& /*request*/) {
  function_.access().reset();
  return Reply{};
}

Result<Reply> Commands::not_here(Message& /*request*/) {
  return fault(std::errc::not_supported, "this device does not migrate");
}

}  // namespace bellwire::vfio_user
