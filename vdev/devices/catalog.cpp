// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/catalog.hpp"

#include <algorithm>

#include "vdev/devices/blk/blk.hpp"
#include "vdev/devices/delay.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/devices/edu.hpp"
#include "vdev/devices/net/lan.hpp"
#include "vdev/devices/rng.hpp"

namespace bellwire {
namespace {

Result<os::DiskFile> open_disk(const VirtioOptions& options) {
  if (options.file && options.size)
    return fault(std::errc::invalid_argument, "--file, --size: a disk has one of them");
  if (options.file) return os::DiskFile::open(*options.file, options.read_only);
  if (!options.size)
    return fault(std::errc::invalid_argument,
                 "blk needs a disk: --file FILE, or --size BYTES of memory");
  if (options.read_only)
    return fault(std::errc::invalid_argument, "--read-only: a disk of memory would stay empty");
  return os::DiskFile::of_memory(options.null ? blk::null_file_size : *options.size);
}

VirtioDevices one(std::unique_ptr<virtio::Device> device) {
  VirtioDevices devices;
  devices.push_back(std::move(device));
  return devices;
}

Result<VirtioDevices> make_blk(boost::asio::io_context&, const VirtioOptions& options) {
  auto file = open_disk(options);
  if (!file) return file.error();
  if (options.null && !options.size)
    return fault(std::errc::invalid_argument, "--null: say how large with --size BYTES");
  auto made = blk::Blk::create(std::move(*file), {.serial = options.serial,
                                                  .queues = options.queues,
                                                  .null_size = options.null ? *options.size : 0});
  if (!made) return made.error();
  return one(std::move(*made));
}

Result<VirtioDevices> make_net(boost::asio::io_context& context, const VirtioOptions& options) {
  const auto first = options.mac ? net::MacAddress::parse(*options.mac) : std::nullopt;
  if (options.mac && (!first || !first->single()))
    return fault(std::errc::invalid_argument,
                 "--mac '{}': give the address of one station, such as 52:54:00:12:34:56",
                 *options.mac);
  auto cards = net::create_lan(context, {.cards = options.places,
                                         .mtu = static_cast<std::uint16_t>(options.mtu),
                                         .first = first,
                                         .tap = options.tap});
  if (!cards) return cards.error();
  VirtioDevices devices;
  for (auto& card : *cards) devices.push_back(std::move(card));
  return devices;
}

VirtioEntry make_random(VirtioEntry entry) {
  entry.random = true;
  return entry;
}

constexpr std::string_view blk_options[] = {"--file",      "--size",   "--null",
                                            "--read-only", "--serial", "--queues"};

constexpr std::string_view net_options[] = {"--tap", "--mac", "--mtu"};

}  // namespace

std::span<const DeviceEntry> catalog() {
  static const DeviceEntry entries[] = {
      ring_device<Echo>("echo", "copies each request's input to its output", echoed),
      ring_device<Digest>("digest", "answers each request with the CRC-32C of its input", digested),
      ring_device<Delay>("delay", "echoes after the time that a request asks for", echoed),
      pci_function<edu::Edu>("edu",
                             "a PCI device to learn drivers with: registers, interrupts, DMA"),
      VirtioEntry{"blk", "a virtio disk: a file, a block device or memory", blk_options, make_blk},
      VirtioEntry{"net", "virtio network cards at a switch: a port for each --on, and a tap",
                  net_options, make_net, true},
      make_random(virtio_device<Rng>("rng", "a virtio source of entropy")),
  };
  return entries;
}

const DeviceEntry* find_device(std::string_view name) {
  const auto found = std::ranges::find(catalog(), name, name_of);
  return found == catalog().end() ? nullptr : &*found;
}

}  // namespace bellwire
