// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/card/card.hpp"

#include <bit>

#include "vdev/ring/layout.hpp"

namespace bellwire::card {
namespace {

constexpr unsigned register_bar = 0, page_bar = 2;
constexpr unsigned register_width = sizeof(std::uint32_t);
constexpr std::uint32_t low_half = 0xFFFFFFFF;

constexpr bool is_doorbell(std::uint64_t offset, unsigned queues) noexcept {
  return offset >= BELLWIRE_CARD_DOORBELL &&
         offset < BELLWIRE_CARD_DOORBELL + queues * std::uint64_t{register_width};
}

Result<void> check(const Options& options) {
  if (options.queues < 1 || options.queues > BELLWIRE_MAX_QUEUES)
    return fault(std::errc::invalid_argument, "{} vectors: choose 1 to {}", options.queues,
                 BELLWIRE_MAX_QUEUES);
  // A guest's kernel gives no more in one piece.
  constexpr std::uint64_t most = 4 << 20;
  if (options.memory % BELLWIRE_PAGE_SIZE != 0 || options.memory == 0 || options.memory > most)
    return fault(std::errc::invalid_argument,
                 "memory of {} bytes: choose whole pages of {}, up to 4 MiB", options.memory,
                 BELLWIRE_PAGE_SIZE);
  return {};
}

}  // namespace

// What can fail to be made, made before the card.
struct Card::Parts {
  boost::asio::io_context& context;
  std::vector<os::EventFd> doorbells;
  std::optional<pci::BarMemory> page;
  std::vector<pci::DoorbellRegister> wires;
};

Result<std::unique_ptr<Card>> Card::create(boost::asio::io_context& context,
                                           const Options& options) {
  if (auto checked = check(options); !checked) return checked.error();
  // Without a page they go to the client as well.
  auto doorbells =
      options.page ? os::create_events(options.queues) : os::create_shared_events(options.queues);
  if (!doorbells) return doorbells.error();
  Parts parts{context, std::move(*doorbells), std::nullopt, {}};
  if (options.page) {
    auto page = pci::BarMemory::create(BELLWIRE_PAGE_SIZE);
    if (!page) return page.error();
    parts.page = std::move(*page);
  } else {
    auto wires = os::duplicate(parts.doorbells);
    if (!wires) return wires.error();
    for (unsigned index = 0; index < options.queues; ++index)
      parts.wires.push_back({.offset = BELLWIRE_CARD_DOORBELL + index * register_width,
                             .size = register_width,
                             .value = std::nullopt,
                             .event = std::move((*wires)[index])});
  }
  auto copies = os::duplicate(parts.doorbells);
  if (!copies) return copies.error();
  const auto view = parts.page ? std::optional(parts.page->view) : std::nullopt;
  auto card = std::unique_ptr<Card>(new Card(std::move(parts), options));
  if (view)
    card->page_.emplace(context, *view, std::move(*copies),
                        options.awake ? Polling::always : Polling::adaptive);
  return card;
}

Card::Card(Parts parts, const Options& options)
    : Function(plan(*this, parts, options)),
      options_(options),
      doorbells_(std::move(parts.doorbells)) {
  memory().on_revoke([this](const AddressRange& region) {
    const auto own = AddressRange::create(address_, options_.memory);
    if (own && own->overlaps(region)) turn_off();
  });
}

pci::Plan Card::plan(Card& card, Parts& parts, const Options& options) {
  pci::Plan plan;
  plan.identity = {.vendor = 0x1AF4,
                   .device = BELLWIRE_CARD_ID,
                   .subsystem_vendor = 0x1AF4,
                   .subsystem_device = BELLWIRE_CARD_ID,
                   .class_code = 0x088000,  // a system peripheral, other than those with a number
                   .revision = 1};
  plan.bars[register_bar] = {
      .shape = {pci::BarKind::memory32, 2 * std::uint64_t{BELLWIRE_CARD_OWN}},
      .registers = &card,
      .memory = std::nullopt,
      .doorbells = std::move(parts.wires)};
  if (parts.page)
    plan.bars[page_bar] = {.shape = {pci::BarKind::memory64, BELLWIRE_PAGE_SIZE, true},
                           .registers = nullptr,
                           .memory = std::move(parts.page),
                           .doorbells = {}};
  plan.express = true;
  if (options.msix)
    plan.msix = {.vectors = options.queues};
  else
    plan.msi = std::bit_ceil(options.queues);
  return plan;
}

Result<Attachment> Card::attach() {
  auto doorbells = os::duplicate(doorbells_);
  if (!doorbells) return doorbells.error();
  Attachment attachment{.doorbells = std::move(*doorbells), .interrupts = {}, .memory = memory_};
  for (unsigned queue = 0; queue < options_.queues; ++queue)
    attachment.interrupts.push_back(interrupts().vector(queue % vectors_));
  return attachment;
}

std::uint64_t Card::read(std::uint64_t offset, unsigned size) noexcept {
  if (offset >= BELLWIRE_CARD_OWN)
    return registers_ ? registers_->read(offset - BELLWIRE_CARD_OWN, size) : 0;
  return size == register_width ? register_at(offset) : 0;
}

void Card::write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept {
  if (offset >= BELLWIRE_CARD_OWN) {
    if (registers_) registers_->write(offset - BELLWIRE_CARD_OWN, size, value);
  } else if (is_doorbell(offset, options_.queues)) {
    ring((offset - BELLWIRE_CARD_DOORBELL) / register_width);
  } else if (size == register_width) {
    set_register(offset, static_cast<std::uint32_t>(value));
  }
}

std::uint32_t Card::register_at(std::uint64_t offset) const noexcept {
  switch (offset) {
    case BELLWIRE_CARD_MAGIC:
      return BELLWIRE_CARD_MAGIC_VALUE;
    case BELLWIRE_CARD_QUEUES:
      return options_.queues;
    case BELLWIRE_CARD_MEMORY_SIZE:
      return static_cast<std::uint32_t>(options_.memory);
    case BELLWIRE_CARD_VECTORS:
      return vectors_;
    case BELLWIRE_CARD_MEMORY_LOW:
      return static_cast<std::uint32_t>(address_);
    case BELLWIRE_CARD_MEMORY_HIGH:
      return static_cast<std::uint32_t>(address_ >> 32);
    case BELLWIRE_CARD_CONTROL:
      return ready() ? BELLWIRE_CARD_ENABLE : 0;
    case BELLWIRE_CARD_STATUS:
      return status_;
    default:
      return 0;
  }
}

// While it is on, what it was turned on with can't be changed.
void Card::set_register(std::uint64_t offset, std::uint32_t value) noexcept {
  if (offset == BELLWIRE_CARD_CONTROL)
    return value == BELLWIRE_CARD_ENABLE ? turn_on() : turn_off();
  if (ready()) return;
  if (offset == BELLWIRE_CARD_VECTORS) vectors_ = value;
  if (offset == BELLWIRE_CARD_MEMORY_LOW) address_ = (address_ & ~std::uint64_t{low_half}) | value;
  if (offset == BELLWIRE_CARD_MEMORY_HIGH)
    address_ = (address_ & low_half) | std::uint64_t{value} << 32;
}

void Card::ring(std::uint64_t doorbell) noexcept {
  if (!ready()) return;
  if (page_)
    page_->wake();
  else
    doorbells_[doorbell].ring();
}

bool Card::take_memory() noexcept {
  if (address_ % BELLWIRE_PAGE_SIZE != 0) return false;
  auto view = memory().map(address_, options_.memory);
  if (!view) return false;
  if (ring::blank(view->bytes()) && !ring::format(view->bytes(), options_.queues)) return false;
  const auto layout = ring::Layout::open(*view);
  if (!layout || layout->queues() != options_.queues) return false;
  memory_ = std::move(*view);
  return true;
}

void Card::turn_on() noexcept {
  if (ready()) return;
  const bool fine = vectors_ >= 1 && vectors_ <= interrupts().vectors() && take_memory();
  status_ = fine ? BELLWIRE_CARD_READY : BELLWIRE_CARD_BAD_MEMORY;
  if (!fine) return;
  for (const auto& doorbell : doorbells_) doorbell.drain();
  if (page_) page_->start();
}

void Card::turn_off() noexcept {
  const bool was_on = std::exchange(status_, BELLWIRE_CARD_OFF) == BELLWIRE_CARD_READY;
  if (!was_on) return;
  if (page_) page_->stop();
  detach_();
  memory_ = {};
}

void Card::on_reset() noexcept {
  turn_off();
  address_ = 0;
  vectors_ = 0;
}

}  // namespace bellwire::card
