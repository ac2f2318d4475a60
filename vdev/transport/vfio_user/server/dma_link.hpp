// SPDX-License-Identifier: BSD-3-Clause
//
// DmaLink: DMA_READ and DMA_WRITE, the commands that go from us to the client. One message is on
// its way at a time; the rest wait, in order. It does no input or output: whoever has the socket
// asks it for the next message, when no request of the client waits for its reply. A client that
// waits in one of its own accesses serves nobody (QEMU gives up after 5 s), so nothing is ever sent
// from inside a call here.
//
// A transfer may end before the answer to its message has come, because its memory was taken back.
// The answer is then waited for, as a client answers every message, and thrown away.
#pragma once

#include <algorithm>
#include <functional>

#include "vdev/pci/dma_space.hpp"
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

class DmaLink final : public pci::DmaCarrier {
 public:
  /// `on_work` is called when there is something to send, and must not ask for it right there.
  explicit DmaLink(std::function<void()> on_work) : on_work_(std::move(on_work)) {}

  void read(std::uint64_t address, std::span<std::byte> into, pci::DmaDone done) override;
  void write(std::uint64_t address, std::span<const std::byte> from, pci::DmaDone done) override;
  void drop(const AddressRange& range, const Error& why) override;

  /// The most bytes that the client takes in a message; at least 1.
  void limit(std::uint64_t bytes) noexcept { limit_ = std::min(bytes, most_dma_transfer); }

  /// The next message, if there is one and no other is on its way.
  [[nodiscard]] std::optional<Bytes> next();
  /// A reply. EPROTO: not to what is on its way, or not what was asked for.
  [[nodiscard]] Result<void> take(const Message& reply);
  /// Ends all that is under way and all that waits, with `error`.
  void fail(const Error& error);

 private:
  struct Job {
    Command command;
    std::uint64_t address;
    std::span<std::byte> bytes;  // what is left; a write only reads them
    pci::DmaDone done;
  };
  // A message that was sent and not answered yet: of the first job, unless that was dropped.
  struct Sent {
    Command command;
    std::size_t size;  // bytes that it moves
    bool dropped = false;
  };
  void push(Job job);
  void finish(Result<void> result);

  std::function<void()> on_work_;
  std::deque<Job> jobs_;
  std::uint64_t limit_ = most_dma_transfer;
  std::optional<Sent> sent_;
  std::uint16_t id_ = 0;  // of the message that was sent last
};

}  // namespace bellwire::vfio_user
