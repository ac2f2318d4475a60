// SPDX-License-Identifier: BSD-3-Clause
//
// Card: the PCI device 1af4:10f0 of guest-kmod/uapi/bellwire.h, part 3, around a device of ours.
// The guest's driver gives it memory and turns it on; then the card has an attachment. It takes
// that back when the driver turns it off, when it is reset, and when the memory goes.
//
// Everything on the thread that runs the context.
#pragma once

#include <functional>
#include <optional>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/attachment.hpp"
#include "vdev/pci/function.hpp"
#include "vdev/transport/card/doorbell_page.hpp"

namespace bellwire::card {

struct Options {
  unsigned queues = 8;             ///< 1 to 32: doorbells, vectors
  std::uint64_t memory = 1 << 20;  ///< bytes that the driver is to give
  bool page = false;               ///< doorbells are a page that is polled …
  bool awake = false;              ///< … always, even when nobody rings
  bool msix = true;                ///< else MSI
};

class Card final : public pci::Function, private RegisterBlock {
 public:
  /// EINVAL: what no driver could use.
  [[nodiscard]] static Result<std::unique_ptr<Card>> create(boost::asio::io_context& context,
                                                            const Options& options);

  /// Whether the driver has turned it on …
  [[nodiscard]] bool ready() const noexcept { return status_ == BELLWIRE_CARD_READY; }
  /// … and so there are the device's three things.
  [[nodiscard]] Result<Attachment> attach();
  /// The device's own registers, a page of them; null: none.
  void use(RegisterBlock* registers) noexcept { registers_ = registers; }

  /// Called when the attachment is no longer to be used: whoever has it lets go before it returns.
  void on_detach(std::function<void()> detach) { detach_ = std::move(detach); }

 private:
  struct Parts;
  Card(Parts parts, const Options& options);
  static pci::Plan plan(Card& card, Parts& parts, const Options& options);

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override;
  [[nodiscard]] std::uint32_t register_at(std::uint64_t offset) const noexcept;
  void set_register(std::uint64_t offset, std::uint32_t value) noexcept;
  void on_reset() noexcept override;

  void turn_on() noexcept;
  void turn_off() noexcept;
  [[nodiscard]] bool take_memory() noexcept;
  void ring(std::uint64_t doorbell) noexcept;

  const Options options_;
  std::vector<os::EventFd> doorbells_;
  std::optional<DoorbellPage> page_;
  std::uint64_t address_ = 0;
  std::uint32_t vectors_ = 0;
  std::uint32_t status_ = BELLWIRE_CARD_OFF;
  MemoryView memory_;
  RegisterBlock* registers_ = nullptr;
  std::function<void()> detach_ = [] {};
};

}  // namespace bellwire::card
