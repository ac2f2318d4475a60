// SPDX-License-Identifier: BSD-3-Clause
//
// Client: a small client of vfio-user, which drives a device, ours or another one, from a test or a
// tool without a virtual machine. Calls wait for the reply, and answer the device's DMA meanwhile.
//
//     auto client = Client::connect("/run/device.sock").value();
//     auto identity = client.load<std::uint32_t>(VFIO_PCI_CONFIG_REGION_INDEX, 0).value();
//
// One thread, not the device's. Errors: the device's reply (EINVAL, …); ETIMEDOUT; ECONNRESET,
// EPROTO: the connection is unusable from now on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/pci/function.hpp"
#include "vdev/transport/vfio_user/client/client_link.hpp"
#include "vdev/transport/vfio_user/server/negotiation.hpp"

namespace bellwire::vfio_user {

struct RegionInfo {
  std::uint64_t size = 0;
  std::uint32_t flags = 0;       ///< VFIO_REGION_INFO_FLAG_*
  std::uint64_t offset = 0;      ///< of the region in `fd`
  std::vector<pci::Area> areas;  ///< the parts that can be mapped
  os::UniqueFd fd;               ///< invalid: none
};

/// A doorbell register, and the eventfd that rings it.
struct RegionDoorbell {
  IoEventFd place;
  os::EventFd event;
};

class Client {
 public:
  /// Connects and agrees on a version. `patience` limits this call and each later one.
  [[nodiscard]] static Result<Client> connect(
      const std::string& path, std::chrono::milliseconds patience = std::chrono::seconds(5));
  Client(Client&&) noexcept;
  ~Client();

  [[nodiscard]] const Capabilities& server() const noexcept;

  [[nodiscard]] Result<DeviceInfo> info();
  [[nodiscard]] Result<RegionInfo> region(std::uint32_t index);
  [[nodiscard]] Result<std::vector<RegionDoorbell>> doorbells(std::uint32_t index);
  [[nodiscard]] Result<void> reset();

  // Regions: VFIO_PCI_BAR0_REGION_INDEX … VFIO_PCI_CONFIG_REGION_INDEX.

  [[nodiscard]] Result<void> read(std::uint32_t region, std::uint64_t offset,
                                  std::span<std::byte> into);
  [[nodiscard]] Result<void> write(std::uint32_t region, std::uint64_t offset,
                                   std::span<const std::byte> from);
  /// Does not wait for a reply, so failures go unnoticed.
  [[nodiscard]] Result<void> post(std::uint32_t region, std::uint64_t offset,
                                  std::span<const std::byte> from);
  [[nodiscard]] Result<void> write_multi(std::span<const SmallWrite> writes);

  template <class T>
  [[nodiscard]] Result<T> load(std::uint32_t region, std::uint64_t offset) {
    T value{};
    if (auto done = read(region, offset, std::as_writable_bytes(std::span(&value, 1))); !done)
      return done.error();
    return value;
  }
  template <class T>
  [[nodiscard]] Result<void> store(std::uint32_t region, std::uint64_t offset, T value) {
    return write(region, offset, std::as_bytes(std::span(&value, 1)));
  }

  // Memory that the device may use.

  /// Shared: the device maps it.
  [[nodiscard]] Result<void> map(std::uint64_t address, std::uint64_t size, int fd,
                                 std::uint64_t offset = 0);
  /// Not shared: it is accessed by messages, which are answered during other calls and in serve().
  /// The bytes must stay.
  [[nodiscard]] Result<void> map(std::uint64_t address, std::span<std::byte> bytes);
  [[nodiscard]] Result<void> unmap(std::uint64_t address, std::uint64_t size);
  /// Answers the device's DMA until `enough` says so. ETIMEDOUT.
  [[nodiscard]] Result<void> serve(const std::function<bool()>& enough);
  [[nodiscard]] std::uint64_t served() const noexcept;

  // Interrupts: VFIO_PCI_INTX_IRQ_INDEX, …

  [[nodiscard]] Result<vfio_irq_info> irqs(std::uint32_t index);
  /// Connects the vectors from `start` on to the eventfds.
  [[nodiscard]] Result<void> connect_irqs(std::uint32_t index, std::uint32_t start,
                                          const std::vector<os::EventFd>& events);
  [[nodiscard]] Result<void> disconnect_irqs(std::uint32_t index);
  /// `action` is a VFIO_IRQ_SET_ACTION_*: mask, unmask or trigger.
  [[nodiscard]] Result<void> act_on_irqs(std::uint32_t index, std::uint32_t start,
                                         std::uint32_t count, std::uint32_t action);

  /// Sends any command, unchecked.
  [[nodiscard]] Result<Message> ask(Command command, std::span<const std::byte> payload,
                                    std::vector<int> fds = {});

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> state) noexcept;
  std::unique_ptr<Impl> state_;
};

}  // namespace bellwire::vfio_user
