// SPDX-License-Identifier: BSD-3-Clause
//
// How a server reaches a client's memory: DmaTable decides what is mapped, MappingShare limits that
// for all clients together, and DmaLink transfers by messages what is not mapped. On the device's
// thread, except MappingShare.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "vdev/core/dma_space.hpp"
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

/// One mapping's share of what this process may map for all its clients. The kernel limits a
/// process's mappings (vm.max_map_count) and addresses; a client that used them up would leave none
/// for malloc, and so end the process for all clients. Any thread.
class MappingShare {
 public:
  /// The most bytes: more than any guest has, and an eighth of the process's address space.
  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 44;
  /// The most mappings: half of what the kernel allows.
  [[nodiscard]] static std::uint64_t most_mappings();

  /// Empty: there is no room for a mapping of that many bytes.
  [[nodiscard]] static std::optional<MappingShare> take(std::uint64_t bytes);

  MappingShare(MappingShare&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
  MappingShare& operator=(MappingShare&&) = delete;
  ~MappingShare();

 private:
  explicit MappingShare(std::uint64_t bytes) noexcept : bytes_(bytes) {}
  std::uint64_t bytes_;  // 0: moved from
};

/// Applies DMA_MAP and DMA_UNMAP to a function's DmaSpace. Memory is mapped if it comes with a
/// descriptor that nobody can truncate (a sealed memfd, as QEMU's memory-backend-memfd has);
/// otherwise a client could end this process by taking pages away. No more is mapped than
/// MappingShare allows. The rest is reached by messages.
class DmaTable {
 public:
  explicit DmaTable(DmaSpace& space) noexcept : space_(space) {}

  /// EINVAL: invalid flags, sizes or descriptor. EEXIST, ENOSPC.
  [[nodiscard]] Result<void> map(const DmaMap& request, os::UniqueFd fd);
  /// EINVAL, ENOENT; ENOTSUP: the bitmap of dirty pages was requested.
  [[nodiscard]] Result<void> unmap(const DmaUnmap& request);

 private:
  [[nodiscard]] Result<std::optional<MemoryView>> view(const DmaMap& request, os::UniqueFd fd);
  std::optional<MemoryView> by_messages(const DmaMap& request, std::string_view why);

  DmaSpace& space_;
  bool warned_ = false;
};

/// DMA_READ and DMA_WRITE, the commands from the server to the client. One message is in flight at
/// a time; the rest wait in order. It does no input or output: the owner of the socket asks for the
/// next message when no request of the client is waiting for its reply. A client that waits for one
/// of its own accesses answers nothing (QEMU gives up after 5 s), so no call here ever sends.
///
/// A transfer ends before its message is answered if its memory is revoked. The answer, which every
/// client sends, is then awaited and discarded.
class DmaLink final : public DmaCarrier {
 public:
  /// `on_work` is called when there is something to send; it must not call next() itself.
  explicit DmaLink(std::function<void()> on_work) : on_work_(std::move(on_work)) {}

  void read(std::uint64_t address, std::span<std::byte> into, DmaDone done) override;
  void write(std::uint64_t address, std::span<const std::byte> from, DmaDone done) override;
  void drop(const AddressRange& range, const Error& why) override;

  /// Sets the most bytes that the client accepts in a message; at least 1.
  void limit(std::uint64_t bytes) noexcept { limit_ = std::min(bytes, most_dma_transfer); }

  /// The next message. Empty: there is none, or another is in flight.
  [[nodiscard]] std::optional<Bytes> next();
  /// Takes a reply. EPROTO: it does not match the message in flight.
  [[nodiscard]] Result<void> take(const Message& reply);
  /// Ends all transfers, those in flight and those waiting, with `error`.
  void fail(const Error& error);

 private:
  struct DmaTransfer {
    Command command;
    std::uint64_t address;
    std::span<std::byte> bytes;  // what is left; a write only reads them
    DmaDone done;
  };
  // The message in flight: of the first job, unless that was dropped.
  struct Sent {
    Command command;
    std::size_t size;  // bytes that it moves
    bool dropped = false;
  };
  void push(DmaTransfer job);
  void finish(Result<void> result);

  std::function<void()> on_work_;
  std::deque<DmaTransfer> jobs_;
  std::uint64_t limit_ = most_dma_transfer;
  std::optional<Sent> sent_;
  std::uint16_t id_ = 0;  // of the message that was sent last
};

}  // namespace bellwire::vfio_user
