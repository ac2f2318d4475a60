// SPDX-License-Identifier: BSD-3-Clause
//
// Card: the PCI device 1af4:10f0 of guest-kmod/uapi/bellwire.h, part 3, around a device of ours.
// The guest's driver gives it memory and turns it on; then the card has an attachment, and whoever
// serves it runs the device there before the driver reads STATUS. The card takes the attachment
// back when the driver turns it off, when it is reset, when the memory goes, and when the client
// does. What the driver does wrong, or what the device fails of, leaves the card off, with the
// reason in the log.
//
// Each client gets doorbells and a page of its own: those of an earlier one lead nowhere.
//
// Everything on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/address_range.hpp"
#include "vdev/core/transport.hpp"
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

/// Descriptors that a card, its socket and a client of it take at most, with one attachment.
[[nodiscard]] unsigned descriptors(const Options& options) noexcept;

class Card final : public pci::Function, private RegisterBlock {
 public:
  /// EINVAL: what no driver could use.
  [[nodiscard]] static Result<std::unique_ptr<Card>> create(boost::asio::io_context& context,
                                                            const Options& options);

  /// Whether the driver has turned it on …
  [[nodiscard]] bool ready() const noexcept { return status_ == BELLWIRE_CARD_READY; }
  /// … and so there are the device's three things. EAGAIN: it has not.
  [[nodiscard]] Result<Attachment> attach();
  /// The device's own registers, a page of them; null: none.
  void use(RegisterBlock* registers) noexcept { registers_ = registers; }

  /// Has `runs` run the device whenever the card is on, until the registration is dropped: then the
  /// device must have stopped, or be stopped next.
  [[nodiscard]] Result<Registration> serve(Runs runs);

 private:
  struct Parts;
  Card(Parts parts, const Options& options);
  static Result<Parts> make_parts(boost::asio::io_context& context, const Options& options);
  static pci::Plan plan(Card& card, Parts& parts, const Options& options);

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override;
  [[nodiscard]] std::uint32_t register_at(std::uint64_t offset) const noexcept;
  void set_register(std::uint64_t offset, std::uint32_t value) noexcept;
  void on_reset() noexcept override;
  void on_client_gone() noexcept override { turn_off(); }
  Result<void> on_new_wires() override;

  void turn_on() noexcept;
  void turn_off() noexcept;
  void stay_off(bellwire_card_status status, const Error& error);
  [[nodiscard]] Result<void> take_memory();
  [[nodiscard]] Result<void> run_device(const Runs& runs);
  void ring(std::uint64_t doorbell) noexcept;

  boost::asio::io_context& context_;
  const Options options_;
  std::vector<os::EventFd> doorbells_;
  std::optional<DoorbellPage> page_;
  std::uint64_t address_ = 0;
  std::uint32_t vectors_ = 0;
  std::uint32_t status_ = BELLWIRE_CARD_OFF;
  MemoryView memory_;
  std::optional<AddressRange> taken_;  // where it is
  bellwire_format format_{};           // of it: the copy that was checked
  RegisterBlock* registers_ = nullptr;
  std::weak_ptr<Runs> runs_;
  Registration revocations_;  // of the guest's memory
};

}  // namespace bellwire::card
