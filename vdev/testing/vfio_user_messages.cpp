// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/vfio_user_messages.hpp"

namespace bellwire::vfio_user {
namespace {

constexpr auto page = page_size;
constexpr std::uint64_t last_address = ~std::uint64_t{0};

Bytes region_info(std::uint32_t argsz, std::uint32_t index, std::uint32_t flag = 0) {
  vfio_region_info info{};
  info.argsz = argsz;
  info.index = index;
  info.flags = flag;
  return bytes_of(info);
}

Bytes irq_info(std::uint32_t argsz, std::uint32_t index, std::uint32_t count = 0) {
  return bytes_of(vfio_irq_info{argsz, 0, index, count});
}

Bytes multi(std::uint64_t count, const std::vector<SmallWrite>& writes) {
  auto payload = bytes_of(WriteMulti{count});
  append(payload, std::as_bytes(std::span(writes)));
  return payload;
}

const Sound sound[] = {
    {Command::dma_map, dma_map(32, both, 0, 0, page), 1},
    {Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 0, page}), 0, Length::padded},
    {Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 0}), 0, Length::padded},
    {Command::device_get_region_info, region_info(32, 0), 0, Length::padded},
    {Command::device_get_region_io_fds, bytes_of(RegionIoFds{16, 0, 0, 0}), 0, Length::padded},
    {Command::device_get_irq_info, irq_info(16, msix), 0, Length::padded},
    {Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2), 2},
    {Command::device_set_irqs, irq_set(bool_trigger, msix, 0, 2) + Bytes(2)},
    {Command::device_set_irqs, irq_set(none_trigger, msix, 0, 0)},
    {Command::region_read, access(0, 0, 4)},
    {Command::region_read, access(0, 0, 0)},
    {Command::region_write, access(0, 0, 4, 4)},
    {Command::region_write, access(4096, 0, 0)},
    {Command::region_write_multi, multi(2, {{{0, 0, 4}, {}}, {{4, 0, 4}, {}}})},
    {Command::region_write_multi, multi(0, {})},
    {Command::device_reset, {}},
    {Command::dirty_pages, Bytes(8), 0, Length::any, ENOTSUP},
    {Command::device_feature, Bytes(8), 0, Length::any, ENOTSUP},
    {Command::mig_data_read, Bytes(8), 0, Length::any, ENOTSUP},
    {Command::mig_data_write, Bytes(8), 0, Length::any, ENOTSUP},
};

const Unsound unsound[] = {
    {"argsz", Command::dma_map, dma_map(31, both, 0, 0, page)},
    {"no flag", Command::dma_map, dma_map(32, 0, 0, 0, page)},
    {"an unknown flag", Command::dma_map, dma_map(32, both | 4, 0, 0, page)},
    {"no size", Command::dma_map, dma_map(32, both, 0, 0, 0)},
    {"half a page", Command::dma_map, dma_map(32, both, 0, 0, page / 2)},
    {"not at a page", Command::dma_map, dma_map(32, both, 0, 8, page)},
    {"around the end", Command::dma_map, dma_map(32, both, 0, last_address - page + 1, 2 * page)},
    {"behind the file's end", Command::dma_map, dma_map(32, both, 0, 0, 1024 * page), 1},
    {"an offset behind it", Command::dma_map, dma_map(32, both, 1024 * page, 0, page), 1},
    {"an offset that wraps", Command::dma_map, dma_map(32, both, last_address - page + 1, 0, page),
     1},
    {"an offset in a page", Command::dma_map, dma_map(32, both, 8, 0, page), 1},
    {"memory twice", Command::dma_map, dma_map(32, both, 0, 16 * page, page), 0, EEXIST},
    {"memory over", Command::dma_map, dma_map(32, both, 0, 15 * page, 9 * page), 0, EEXIST},
    {"argsz", Command::dma_unmap, bytes_of(DmaUnmap{23, 0, 16 * page, 4 * page})},
    {"an unknown flag", Command::dma_unmap, bytes_of(DmaUnmap{24, 4, 16 * page, 4 * page})},
    {"dirty pages", Command::dma_unmap, bytes_of(DmaUnmap{24, 1, 16 * page, 4 * page}), 0, ENOTSUP},
    {"all, and an address", Command::dma_unmap, bytes_of(DmaUnmap{24, 2, 16 * page, 4 * page})},
    {"another size", Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 16 * page, page}), 0, ENOENT},
    {"another place", Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 17 * page, page}), 0, ENOENT},
    {"argsz", Command::device_get_info, bytes_of(DeviceInfo{15, 0, 0, 0})},
    {"a flag", Command::device_get_info, bytes_of(DeviceInfo{16, 1, 0, 0})},
    {"a field", Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 1})},
    {"argsz", Command::device_get_region_info, region_info(31, 0)},
    {"index", Command::device_get_region_info, region_info(32, 9)},
    {"index", Command::device_get_region_info, region_info(32, ~0U)},
    {"a flag", Command::device_get_region_info, region_info(32, 0, 1)},
    {"argsz", Command::device_get_region_io_fds, bytes_of(RegionIoFds{15, 0, 0, 0})},
    {"index", Command::device_get_region_io_fds, bytes_of(RegionIoFds{16, 0, 9, 0})},
    {"count", Command::device_get_region_io_fds, bytes_of(RegionIoFds{16, 0, 0, 1})},
    {"argsz", Command::device_get_irq_info, irq_info(15, msix)},
    {"index", Command::device_get_irq_info, irq_info(16, 5)},
    {"count", Command::device_get_irq_info, irq_info(16, msix, 1)},
    {"argsz", Command::device_set_irqs, bytes_of(IrqSet{19, none_trigger, msix, 0, 1})},
    {"index", Command::device_set_irqs, irq_set(none_trigger, 5, 0, 1)},
    {"an index that can't be masked", Command::device_set_irqs,
     irq_set(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 3, 0, 1)},
    {"start", Command::device_set_irqs, irq_set(none_trigger, msix, 4, 1)},
    {"count", Command::device_set_irqs, irq_set(none_trigger, msix, 0, 5)},
    {"count that wraps", Command::device_set_irqs, irq_set(none_trigger, msix, 3, ~0U)},
    {"count 0 from 1 on", Command::device_set_irqs, irq_set(none_trigger, msix, 1, 0)},
    {"count 0 of eventfds", Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 0)},
    {"no data kind", Command::device_set_irqs, irq_set(VFIO_IRQ_SET_ACTION_TRIGGER, msix, 0, 1)},
    {"two data kinds", Command::device_set_irqs, irq_set(fd_trigger | 1, msix, 0, 1)},
    {"no action", Command::device_set_irqs, irq_set(VFIO_IRQ_SET_DATA_NONE, msix, 0, 1)},
    {"two actions", Command::device_set_irqs,
     irq_set(none_trigger | VFIO_IRQ_SET_ACTION_MASK, msix, 0, 1)},
    {"an unknown flag", Command::device_set_irqs, irq_set(none_trigger | 64, msix, 0, 1)},
    {"too few bools", Command::device_set_irqs, irq_set(bool_trigger, msix, 0, 2) + Bytes(1)},
    {"data with none", Command::device_set_irqs, irq_set(none_trigger, msix, 0, 1) + Bytes(1)},
    {"too few eventfds", Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2), 1},
    {"too many eventfds", Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 1), 2},
    {"eventfds with none", Command::device_set_irqs, irq_set(none_trigger, msix, 0, 1), 1},
    {"eventfds that mask", Command::device_set_irqs,
     irq_set(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, msix, 0, 1), 1, ENOTSUP},
    {"count", Command::region_read, access(0, 0, 4097)},
    {"count", Command::region_read, access(0, 0, ~0U)},
    {"offset", Command::region_read, access(4096, 0, 1)},
    {"offset that wraps", Command::region_read, access(last_address, 0, 2)},
    {"a region that does not exist", Command::region_read, access(0, 3, 1)},
    {"region", Command::region_read, access(0, ~0U, 1)},
    {"config space's end", Command::region_read, access(4092, VFIO_PCI_CONFIG_REGION_INDEX, 8)},
    {"no bytes, behind the end", Command::region_write, access(4097, 0, 0)},
    {"no bytes, no region", Command::region_read, access(0, 9, 0)},
    {"fewer bytes than count", Command::region_write, access(0, 0, 8, 4)},
    {"more bytes than count", Command::region_write, access(0, 0, 4, 8)},
    {"offset", Command::region_write, access(4094, 0, 4, 4)},
    {"region", Command::region_write, access(0, 9, 4, 4)},
    {"config space's end", Command::region_write, access(4096, VFIO_PCI_CONFIG_REGION_INDEX, 4, 4)},
    {"none, and yet one", Command::region_write_multi, multi(0, {{{0, 0, 4}, {}}})},
    {"fewer than count", Command::region_write_multi, multi(2, {{{0, 0, 4}, {}}})},
    {"more than count", Command::region_write_multi, multi(1, {{{0, 0, 4}, {}}, {{0, 0, 4}, {}}})},
    {"a count that wraps", Command::region_write_multi,
     multi(std::uint64_t{1} << 61, {{{0, 0, 4}, {}}})},
    {"9 bytes", Command::region_write_multi, multi(1, {{{0, 0, 9}, {}}})},
    {"one of them outside", Command::region_write_multi,
     multi(2, {{{TestFunction::narrow.offset, 0, 1}, {}}, {{4096, 0, 4}, {}}})},
    {"a command of ours", Command::dma_read, bytes_of(DmaAccess{0, 4})},
    {"a command of ours", Command::dma_write, bytes_of(DmaAccess{0, 4}) + Bytes(4)},
    {"no command", static_cast<Command>(0), {}},
    {"no command", static_cast<Command>(19), Bytes(64)},
    {"no command", static_cast<Command>(0xFFFF), {}, 3},
};

}  // namespace

std::span<const Sound> sound_messages() {
  return sound;
}

std::span<const Unsound> unsound_messages() {
  return unsound;
}

}  // namespace bellwire::vfio_user
