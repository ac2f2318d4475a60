// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/card/card.hpp"

#include <bit>
#include <utility>

#include "vdev/log/log.hpp"
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
  // Formatting a copy finds out whether a driver could use it.
  std::vector<std::byte> blank(options.memory);
  return ring::format(blank, options.queues, options.entries);
}

}  // namespace

unsigned descriptors(const Options& options) noexcept {
  // For each queue: a doorbell's two ends, the attachment's duplicate, the client's interrupt, and
  // one doorbell for the next client while the last one's still exists.
  constexpr unsigned each_queue = 5;
  // The page, the socket and what waits for it.
  constexpr unsigned own = 10;
  // A client's socket and its watch, one that is turned away, INTx and its unmasking, and a
  // message's descriptors.
  constexpr unsigned each_client = 32;
  return each_queue * options.queues + own + each_client;
}

// Everything whose creation can fail is created before the card.
struct Card::Parts {
  boost::asio::io_context& context;
  std::optional<pci::BarMemory> page;
  std::vector<pci::DoorbellRegister> wires;
};

Result<Card::Parts> Card::make_parts(boost::asio::io_context& context, const Options& options) {
  Parts parts{context, std::nullopt, {}};
  if (options.page) {
    auto page = pci::BarMemory::create(BELLWIRE_PAGE_SIZE);
    if (!page) return page.error();
    parts.page = std::move(*page);
    return parts;
  }
  auto events = os::create_shared_events(options.queues);  // the client gets them
  if (!events) return events.error();
  for (unsigned index = 0; index < options.queues; ++index)
    parts.wires.push_back({.offset = BELLWIRE_CARD_DOORBELL + index * register_width,
                           .size = register_width,
                           .value = std::nullopt,
                           .event = std::move((*events)[index])});
  return parts;
}

Result<std::unique_ptr<Card>> Card::create(boost::asio::io_context& context,
                                           const Options& options) {
  if (auto checked = check(options); !checked) return checked.error();
  auto parts = make_parts(context, options);
  if (!parts) return parts.error();
  auto card = std::unique_ptr<Card>(new Card(std::move(*parts), options));
  if (auto wired = card->on_new_wires(); !wired) return wired.error();
  return card;
}

Card::Card(Parts parts, const Options& options)
    : Function(plan(*this, parts, options)),
      context_(parts.context),
      options_(options),
      revocations_(memory().on_revoke([this](const AddressRange& region) {
        if (ready() && taken_->overlaps(region)) turn_off();
      })) {}

// The doorbells that the device waits for: those of the registers are a client's, which rings them
// itself; those behind a page are our own.
Result<void> Card::on_new_wires() {
  std::vector<os::EventFd> doorbells;
  for (const auto& wire : bars()[register_bar].doorbells) {
    auto doorbell = wire.event.duplicate();
    if (!doorbell) return doorbell.error();
    doorbells.push_back(std::move(*doorbell));
  }
  if (options_.page) {
    auto made = os::create_events(options_.queues);
    if (!made) return made.error();
    doorbells = std::move(*made);
    auto copies = os::duplicate(doorbells);
    if (!copies) return copies.error();
    page_.emplace(context_, bars()[page_bar].memory->view, std::move(*copies),
                  options_.awake ? Polling::always : Polling::adaptive);
  }
  doorbells_ = std::move(doorbells);
  return {};
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

Result<Registration> Card::serve(Runs runs) {
  auto held = std::make_shared<Runs>(std::move(runs));
  if (ready())
    if (auto attached = run_device(*held); !attached) return attached.error();
  runs_ = held;
  return Registration(std::move(held));
}

Result<Attachment> Card::attach() {
  if (!ready())
    return fault(std::errc::resource_unavailable_try_again, "no driver has turned the card on");
  auto doorbells = os::duplicate(doorbells_);
  if (!doorbells) return doorbells.error();
  Attachment attachment{
      .doorbells = std::move(*doorbells), .interrupts = {}, .memory = memory_, .format = format_};
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

// While the card is on, its settings cannot be changed.
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

Result<void> Card::take_memory() {
  if (vectors_ < 1 || vectors_ > interrupts().vectors())
    return fault(std::errc::invalid_argument, "{} vectors: the card has 1 to {}", vectors_,
                 interrupts().vectors());
  if (address_ % BELLWIRE_PAGE_SIZE != 0)
    return fault(std::errc::invalid_argument, "memory at {:#x} is not on a page", address_);
  taken_ = AddressRange::create(address_, options_.memory);
  auto view = taken_ ? memory().map(address_, options_.memory) : std::nullopt;
  if (!view)
    return fault(std::errc::bad_address,
                 "{} bytes at {:#x} are not one piece of memory that the guest shares; start QEMU "
                 "with its memory on a memory-backend-memfd,share=on",
                 options_.memory, address_);
  if (ring::blank(view->bytes()))
    if (auto made = ring::format(view->bytes(), options_.queues, options_.entries); !made)
      return made;
  const auto layout = ring::Layout::open(*view);
  if (!layout) return layout.error();
  if (layout->queues() != options_.queues)
    return fault(std::errc::protocol_error, "the memory has {} queues, the card has {}",
                 layout->queues(), options_.queues);
  memory_ = std::move(*view);
  format_ = layout->format();
  return {};
}

// An exception from the device's side is a failure of the device, too, and does not end the
// process.
Result<void> Card::run_device(const Runs& runs) {
  try {
    auto attachment = attach();
    if (!attachment) return attachment.error();
    return runs.attach(std::move(*attachment));
  } catch (const std::exception& thrown) {
    return fault(std::errc::not_enough_memory, "{}", thrown.what());
  }
}

void Card::turn_on() noexcept {
  if (ready()) return;
  if (auto taken = take_memory(); !taken) return stay_off(BELLWIRE_CARD_BAD_MEMORY, taken.error());
  status_ = BELLWIRE_CARD_READY;
  for (const auto& doorbell : doorbells_) doorbell.drain();
  if (const auto runs = runs_.lock())
    if (auto runs_now = run_device(*runs); !runs_now)
      return stay_off(BELLWIRE_CARD_FAILED, runs_now.error());
  if (page_) page_->start();
}

void Card::stay_off(bellwire_card_status status, const Error& error) {
  log::warning("the card can't be turned on: {}", error.message);
  status_ = status;
  memory_ = {};
}

void Card::turn_off() noexcept {
  const bool was_on = std::exchange(status_, BELLWIRE_CARD_OFF) == BELLWIRE_CARD_READY;
  if (!was_on) return;
  if (page_) page_->stop();
  if (const auto runs = runs_.lock()) runs->detach();
  memory_ = {};
}

void Card::on_reset() noexcept {
  turn_off();
  address_ = 0;
  vectors_ = 0;
}

Result<std::unique_ptr<CardTransport>> CardTransport::create(boost::asio::io_context& context,
                                                             const std::string& path,
                                                             const Options& options) {
  auto card = Card::create(context, options);
  if (!card) return card.error();
  auto server = vfio_user::Server::create(context, **card, {.path = path});
  if (!server) return server.error();
  return std::unique_ptr<CardTransport>(new CardTransport(std::move(*card), std::move(*server)));
}

Result<Attachment> CardTransport::attach(RegisterBlock* registers) {
  card_->use(registers);
  return card_->attach();
}

Result<Registration> CardTransport::serve(RegisterBlock* registers, Runs runs) {
  card_->use(registers);
  return card_->serve(std::move(runs));
}

}  // namespace bellwire::card
