// SPDX-License-Identifier: BSD-3-Clause
//
// Card: the PCI device 1af4:10f0 of guest-kmod/uapi/bellwire.h, part 3, with one of our devices in
// it. CardTransport: a card that is served to QEMU, or to any client, by the vfio-user protocol.
//
// The guest's driver gives the card memory and turns it on; then the card has an attachment, and
// the device runs on it before the driver reads STATUS. The card takes the attachment back when the
// driver turns it off, when it is reset, and when the memory or the client goes away. If the driver
// makes a mistake, or the device fails to start, the card stays off, and the log has the reason.
//
// Each client gets doorbells and a page of its own; those of an earlier client lead nowhere.
//
// Everything runs on the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/address_range.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/pci/function.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/transport/card/doorbell_page.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace bellwire::card {

struct Options {
  unsigned queues = 8;             ///< 1 to 32; each has a doorbell and a vector
  std::uint64_t memory = 1 << 20;  ///< bytes that the driver must provide
  /// Of each ring; a power of two. In small memory the rings get fewer.
  std::uint32_t entries = ring::usual_ring_entries;
  bool page = false;   ///< doorbells are a page that is polled …
  bool awake = false;  ///< … all the time, even when nobody rings
  bool msix = true;    ///< else MSI
};

/// The most descriptors that a card, its socket, a client and one attachment use.
[[nodiscard]] unsigned descriptors(const Options& options) noexcept;

class Card final : public pci::Function, private RegisterBlock {
 public:
  /// EINVAL: no driver could use a card with these options.
  [[nodiscard]] static Result<std::unique_ptr<Card>> create(boost::asio::io_context& context,
                                                            const Options& options);

  /// Whether the driver has turned it on.
  [[nodiscard]] bool ready() const noexcept { return status_ == BELLWIRE_CARD_READY; }
  /// The attachment that the driver has provided. EAGAIN: the card is off.
  [[nodiscard]] Result<Attachment> attach();
  /// Sets the device's own registers, a page of them; null: none.
  void use(RegisterBlock* registers) noexcept { registers_ = registers; }

  /// Calls `runs` whenever the card is turned on or off, until the registration is dropped; stop
  /// the device before that or right after.
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

/// A card on a socket.
class CardTransport final : public Transport {
 public:
  /// Serves `path` from now on. `context` also runs the device.
  [[nodiscard]] static Result<std::unique_ptr<CardTransport>> create(
      boost::asio::io_context& context, const std::string& path, const Options& options);

  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers) override;
  [[nodiscard]] Result<Registration> serve(RegisterBlock* registers, Runs runs) override;

 private:
  CardTransport(std::unique_ptr<Card> card, vfio_user::Server server)
      : card_(std::move(card)), server_(std::move(server)) {}

  std::unique_ptr<Card> card_;
  vfio_user::Server server_;
};

}  // namespace bellwire::card
