// SPDX-License-Identifier: BSD-3-Clause
//
// For tests of vfio-user: valid and invalid messages, and a fixture to send them to.
#pragma once

#include <stdexcept>

#include "vdev/testing/vfio_user.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

namespace bellwire::vfio_user {

constexpr std::uint32_t both = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
constexpr std::uint32_t msix = VFIO_PCI_MSIX_IRQ_INDEX;
constexpr std::uint32_t fd_trigger = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr std::uint32_t none_trigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr std::uint32_t bool_trigger = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;

/// The payload of a region access; a write is followed by its bytes.
[[nodiscard]] inline Bytes access(std::uint64_t offset, std::uint32_t region, std::uint32_t count,
                                  std::size_t data = 0) {
  return bytes_of(RegionAccess{offset, region, count}) + Bytes(data);
}

[[nodiscard]] inline Bytes irq_set(std::uint32_t flag, std::uint32_t index, std::uint32_t start,
                                   std::uint32_t count) {
  return bytes_of(IrqSet{sizeof(IrqSet), flag, index, start, count});
}

[[nodiscard]] inline Bytes dma_map(std::uint32_t argsz, std::uint32_t flag, std::uint64_t offset,
                                   std::uint64_t address, std::uint64_t size) {
  return bytes_of(DmaMap{argsz, flag, offset, address, size});
}

/// Whether a payload may be longer than its structure: no; yes, and the rest is ignored; there is
/// no structure.
enum class Length { exact, padded, any };

/// A valid message of a command, with its number of descriptors, and its outcome.
struct Sound {
  Command command;
  Bytes payload;
  std::size_t fds = 0;
  Length length = Length::exact;
  int outcome = accepted;
};

[[nodiscard]] std::span<const Sound> sound_messages();

/// A message with one invalid field. The device has 4 MSI-X vectors, and its guest 4 pages of
/// memory, at page 16.
struct Unsound {
  const char* what;
  Command command;
  Bytes payload;
  std::size_t fds = 0;
  int outcome = EINVAL;
};

[[nodiscard]] std::span<const Unsound> unsound_messages();

/// The device under attack, its neighbour with an honest client, and descriptors to send.
struct AttackFixture {
  ServedFunctions<2> served;
  Client neighbour = Client::connect(served.path(1)).value();
  std::vector<os::EventFd> events = os::create_events(17).value();
  os::UniqueFd memory = os::create_memfd("guest", 16 * page_size).value();

  [[nodiscard]] RawClient attacker() const { return RawClient(served.path(0)); }
  [[nodiscard]] std::vector<int> fds(Command command, std::size_t count) const {
    std::vector<int> list;
    for (std::size_t index = 0; index < count; ++index)
      list.push_back(command == Command::dma_map ? memory.get() : events[index].fd());
    return list;
  }
  // With an honest client in the attacker's place, so that earlier clients have gone.
  [[nodiscard]] std::ptrdiff_t settled_fds() const {
    auto client = attacker();
    client.agree();
    return open_fds();
  }
  // Throws if the neighbour is not served as before.
  void check_neighbour() {
    neighbour.store<std::uint32_t>(0, 0, 77).value();
    if (neighbour.load<std::uint32_t>(0, 0).value() != 77)
      throw std::runtime_error("the neighbour read another value than it wrote");
  }
};

}  // namespace bellwire::vfio_user
