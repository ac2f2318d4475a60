// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/interrupts.hpp"

#include <bit>

#include "vdev/loop/event_reader.hpp"

namespace bellwire::vfio_user {

// Shared with the handlers that wait.
struct EventWatch::Impl final : EventOwner, std::enable_shared_from_this<EventWatch::Impl> {
  Impl(EventReader reads, std::function<void()> callback)
      : reader(std::move(reads)), on_ring(std::move(callback)) {}

  void wait() { reader.wait(shared_from_this()); }

  void on_event(unsigned, std::uint64_t) override {
    on_ring();
    if (!dropped) wait();
  }

  void drop() noexcept {
    dropped = true;
    reader.stop();
  }

  EventReader reader;
  std::function<void()> on_ring;
  bool dropped = false;
};

EventWatch::EventWatch(std::shared_ptr<Impl> state) noexcept : state_(std::move(state)) {}
EventWatch::EventWatch(EventWatch&&) noexcept = default;
EventWatch::~EventWatch() {
  if (state_) state_->drop();
}

Result<EventWatch> EventWatch::create(boost::asio::io_context& context, const os::EventFd& event,
                                      std::function<void()> on_ring) {
  auto reader = EventReader::create(context, event, 0);
  if (!reader) return reader.error();
  auto state = std::make_shared<Impl>(std::move(*reader), std::move(on_ring));
  state->wait();
  return EventWatch(std::move(state));
}

namespace {
using pci::InterruptKind;

// Indexed by vfio's IRQ index.
struct Index {
  const char* name;
  InterruptKind kind;
  std::uint32_t flags;
};
constexpr Index indexes[] = {
    {"INTx", InterruptKind::intx,
     VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED},
    {"MSI", InterruptKind::msi, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE},
    {"MSI-X", InterruptKind::msix, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE},
};
static_assert(VFIO_PCI_INTX_IRQ_INDEX == 0 && VFIO_PCI_MSI_IRQ_INDEX == 1 &&
              VFIO_PCI_MSIX_IRQ_INDEX == 2);

constexpr std::uint32_t first_notice = VFIO_PCI_ERR_IRQ_INDEX;
constexpr std::uint32_t notice_flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
static_assert(first_notice == std::size(indexes) && VFIO_PCI_REQ_IRQ_INDEX == first_notice + 1 &&
              VFIO_PCI_NUM_IRQS == first_notice + 2);

constexpr std::uint32_t data_flags = VFIO_IRQ_SET_DATA_TYPE_MASK;
constexpr std::uint32_t action_flags = VFIO_IRQ_SET_ACTION_TYPE_MASK;

bool has_interrupts(std::uint32_t index) {
  return index < std::size(indexes);
}

bool disables(const IrqSet& request) {
  return request.start == 0 && request.count == 0 &&
         request.flags == (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
}

// Adopts all of them, or none.
Result<std::vector<os::EventFd>> adopt(std::vector<os::UniqueFd> fds) {
  std::vector<os::EventFd> events;
  for (auto& fd : fds) {
    auto event = os::EventFd::adopt(std::move(fd));
    if (!event) return fault(std::errc::invalid_argument, "SET_IRQS: {}", event.error().message);
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace

unsigned IrqTable::count(std::uint32_t index) const noexcept {
  return has_interrupts(index) ? interrupts_.count(indexes[index].kind) : 1;
}

std::uint32_t IrqTable::flags(std::uint32_t index) const noexcept {
  if (count(index) == 0) return 0;
  return has_interrupts(index) ? indexes[index].flags : notice_flags;
}

Result<vfio_irq_info> IrqTable::info(std::uint32_t index) const {
  if (index >= VFIO_PCI_NUM_IRQS)
    return fault(std::errc::invalid_argument, "interrupt index {}: there are {}", index,
                 static_cast<unsigned>(VFIO_PCI_NUM_IRQS));
  vfio_irq_info info{};
  info.argsz = sizeof info;
  info.index = index;
  info.count = count(index);
  info.flags = flags(index);
  return info;
}

Result<void> IrqTable::check(const IrqSet& request, std::span<const std::byte> data,
                             std::size_t fds) const {
  const auto refuse = [&](const char* what) {
    return fault(std::errc::invalid_argument,
                 "SET_IRQS: {} (index {}, flags {:#x}, start {}, count {})", what, request.index,
                 request.flags, request.start, request.count);
  };
  if (request.argsz < sizeof request) return refuse("argsz is too small");
  if (request.index >= VFIO_PCI_NUM_IRQS) return refuse("there is no such index");
  if (!std::has_single_bit(request.flags & data_flags) ||
      !std::has_single_bit(request.flags & action_flags) ||
      (request.flags & ~(data_flags | action_flags)) != 0)
    return refuse("it must have one kind of data and one action");
  const bool eventfds = (request.flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0;
  const bool bools = (request.flags & VFIO_IRQ_SET_DATA_BOOL) != 0;
  if (data.size() != (bools ? request.count : 0)) return refuse("its data has the wrong size");
  if (fds != 0 && (!eventfds || fds != request.count))
    return refuse("all vectors need a descriptor, or none");
  if (disables(request)) return {};
  const auto all = count(request.index);
  if (request.count == 0 || request.start >= all || request.count > all - request.start)
    return refuse("there are not so many");
  if (!has_interrupts(request.index) && (request.flags & VFIO_IRQ_SET_ACTION_TRIGGER) == 0)
    return refuse("this one can't be masked");
  return {};
}

Result<void> IrqTable::connect(const IrqSet& request, std::vector<os::UniqueFd> fds) {
  auto adopted = adopt(std::move(fds));
  if (!adopted) return adopted.error();
  auto& events = *adopted;
  if (!has_interrupts(request.index)) {
    auto& notice = notices_[request.index - first_notice];
    notice.reset();
    if (!events.empty()) notice.emplace(std::move(events.front()));
    return {};
  }
  const auto kind = indexes[request.index].kind;
  for (std::uint32_t at = 0; at < request.count; ++at) {
    if (events.empty())
      interrupts_.disconnect(kind, request.start + at);
    else
      interrupts_.connect(kind, request.start + at, std::move(events[at]));
  }
  return {};
}

void IrqTable::act(const IrqSet& request, unsigned vector) noexcept {
  if (!has_interrupts(request.index)) {
    if (const auto& notice = notices_[request.index - first_notice]) notice->ring();
    return;
  }
  const auto kind = indexes[request.index].kind;
  if ((request.flags & VFIO_IRQ_SET_ACTION_TRIGGER) != 0)
    interrupts_.trigger(kind, vector);
  else
    interrupts_.set_masked(kind, vector, (request.flags & VFIO_IRQ_SET_ACTION_MASK) != 0);
}

Result<void> IrqTable::set(const IrqSet& request, std::span<const std::byte> data,
                           std::vector<os::UniqueFd> fds) {
  if (auto checked = check(request, data, fds.size()); !checked) return checked.error();
  if (disables(request)) {
    disconnect(request.index);
    return {};
  }
  if ((request.flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0) {
    if ((request.flags & VFIO_IRQ_SET_ACTION_TRIGGER) != 0) return connect(request, std::move(fds));
    return bind_unmask(request, std::move(fds));
  }
  const bool bools = !data.empty();
  for (std::uint32_t at = 0; at < request.count; ++at)
    if (!bools || data[at] != std::byte{0}) act(request, request.start + at);
  return {};
}

Result<void> IrqTable::bind_unmask(const IrqSet& request, std::vector<os::UniqueFd> fds) {
  if (!unmask_by_ || request.index != VFIO_PCI_INTX_IRQ_INDEX ||
      (request.flags & VFIO_IRQ_SET_ACTION_UNMASK) == 0)
    return fault(std::errc::not_supported,
                 "SET_IRQS: only INTx is unmasked by an eventfd; send messages instead");
  auto events = adopt(std::move(fds));
  if (!events) return events.error();
  return unmask_by_(events->empty() ? std::nullopt : std::optional(std::move(events->front())));
}

void IrqTable::disconnect(std::uint32_t index) noexcept {
  if (!has_interrupts(index)) return notices_[index - first_notice].reset();
  interrupts_.disconnect(indexes[index].kind);
  if (unmask_by_ && index == VFIO_PCI_INTX_IRQ_INDEX) (void)unmask_by_(std::nullopt);
}

void IrqTable::disconnect() noexcept {
  for (std::uint32_t index = 0; index < VFIO_PCI_NUM_IRQS; ++index) disconnect(index);
}

}  // namespace bellwire::vfio_user
