// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/irqfds.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <set>

namespace bellwire::machine {
namespace {

constexpr std::uint32_t most = 4096;  // GSIs, and routes
constexpr unsigned pic_pins = 8;

bool is_pin(const kvm_irq_routing_entry& entry) {
  return entry.type == KVM_IRQ_ROUTING_IRQCHIP;
}

bool well_formed(const kvm_irq_routing_entry& entry) {
  if (entry.gsi >= most || entry.flags != 0) return false;
  if (entry.type == KVM_IRQ_ROUTING_MSI) return true;
  const auto& [chip, pin] = entry.u.irqchip;
  return is_pin(entry) && chip <= KVM_IRQCHIP_IOAPIC &&
         pin < (chip == KVM_IRQCHIP_IOAPIC ? Apic::pins : pic_pins);
}

// A GSI leads to one message, or to one input of each chip.
bool compatible(const kvm_irq_routing_entry& one, const kvm_irq_routing_entry& other) {
  return is_pin(one) && is_pin(other) && one.u.irqchip.irqchip != other.u.irqchip.irqchip;
}

std::uint64_t address_of(const kvm_irq_routing_msi& message) {
  return std::uint64_t{message.address_hi} << 32 | message.address_lo;
}

}  // namespace

int Routes::set(std::span<const kvm_irq_routing_entry> entries) {
  if (entries.size() > most) return EINVAL;
  std::multimap<std::uint32_t, kvm_irq_routing_entry> routes;
  for (const auto& entry : entries) {
    const auto [first, last] = routes.equal_range(entry.gsi);
    const auto fits = [&](const auto& other) { return compatible(entry, other.second); };
    if (!well_formed(entry) || !std::all_of(first, last, fits)) return EINVAL;
    routes.emplace(entry.gsi, entry);
  }
  entries_ = std::move(routes);
  return 0;
}

void Routes::drive(std::uint32_t gsi, LineSource source, bool high) {
  const auto [first, last] = entries_.equal_range(gsi);
  for (auto route = first; route != last; ++route) {
    const auto& entry = route->second;
    if (!is_pin(entry)) {
      if (high) apic_.message(address_of(entry.u.msi), entry.u.msi.data);
    } else if (entry.u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC) {
      apic_.set_line(entry.u.irqchip.pin, static_cast<unsigned>(source), high);
    }
  }
}

bool Routes::is_message(std::uint32_t gsi) const {
  const auto entry = entries_.find(gsi);
  return entry != entries_.end() && !is_pin(entry->second);
}

std::optional<std::uint32_t> Routes::gsi_of(unsigned pin) const {
  const auto leads_there = [pin](const auto& entry) {
    const auto& irqchip = entry.second.u.irqchip;
    return is_pin(entry.second) && irqchip.irqchip == KVM_IRQCHIP_IOAPIC && irqchip.pin == pin;
  };
  const auto found = std::ranges::find_if(entries_, leads_there);
  return found == entries_.end() ? std::nullopt : std::optional(found->first);
}

namespace {

constexpr std::uint32_t irqfd_flags = KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE;

// The eventfds that are an irqfd of any machine (rule 29).
struct Claims {
  std::mutex mutex;
  std::set<std::uint64_t> ids;  // protected by mutex

  bool take(std::uint64_t id) {
    const std::lock_guard lock(mutex);
    return ids.insert(id).second;
  }
  void give_back(std::uint64_t id) {
    const std::lock_guard lock(mutex);
    ids.erase(id);
  }
};

Claims& claims() {
  static Claims instance;
  return instance;
}

}  // namespace

IrqFds::IrqFds(Routes& routes) : routes_(routes), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!poll_.valid()) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

IrqFds::~IrqFds() {
  while (!entries_.empty()) detach(entries_.begin());
}

int IrqFds::request(const kvm_irqfd& request) {
  if ((request.flags & ~irqfd_flags) != 0) return EINVAL;
  pump();
  return (request.flags & KVM_IRQFD_FLAG_DEASSIGN) != 0 ? deassign(request) : assign(request);
}

int IrqFds::assign(const kvm_irqfd& request) {
  auto event = EventReference::create(static_cast<int>(request.fd));
  if (!event) return event.error().code.value();
  std::optional<EventReference> resample;
  if ((request.flags & KVM_IRQFD_FLAG_RESAMPLE) != 0) {
    auto reference = EventReference::create(static_cast<int>(request.resamplefd));
    if (!reference) return reference.error().code.value();
    resample.emplace(std::move(*reference));
  }
  const auto id = event->id();
  if (!claims().take(id)) return EBUSY;
  const auto entry =
      entries_.emplace(id, IrqfdEntry{std::move(*event), request.gsi, std::move(resample)}).first;
  if (const int error = watch(entry->second.event); error != 0) {
    detach(entry);
    return error;
  }
  // Rule 32: the count itself stays for the next signal to take.
  if (entry->second.event.pending()) inject(entry->second);
  return 0;
}

int IrqFds::deassign(const kvm_irqfd& request) {
  const auto event = EventReference::create(static_cast<int>(request.fd));
  if (!event) return event.error().code.value();
  const auto entry = entries_.find(event->id());
  if (entry != entries_.end() && entry->second.gsi == request.gsi) detach(entry);
  return 0;
}

// Edge-triggered, as the kernel's own callback: each signal counts once, read or not. An eventfd
// that is readable already is reported at once; that report is dropped here, since assign() checks
// it.
int IrqFds::watch(const EventReference& event) const {
  epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.u64 = event.id()}};
  if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, event.fd(), &interest) != 0) return errno;
  epoll_event first;
  if (event.pending()) {
    [[maybe_unused]] const int count = ::epoll_wait(poll_.get(), &first, 1, 0);
  }
  return 0;
}

void IrqFds::pump() {
  std::array<epoll_event, 64> ready;
  int count = 0;
  do {
    count = ::epoll_wait(poll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (int index = 0; index < count; ++index) {
      const std::uint64_t key = ready[static_cast<std::size_t>(index)].data.u64;  // it is packed
      const auto entry = entries_.find(key);
      if (entry != entries_.end() && entry->second.event.take()) inject(entry->second);
    }
  } while (count == static_cast<int>(ready.size()));
}

void IrqFds::inject(const IrqfdEntry& entry) {
  if (entry.resample && !routes_.is_message(entry.gsi)) {
    routes_.drive(entry.gsi, LineSource::resample, true);
    return;
  }
  routes_.drive(entry.gsi, LineSource::user_space, true);
  routes_.drive(entry.gsi, LineSource::user_space, false);
}

void IrqFds::acknowledged(std::uint32_t gsi) {
  reap();
  if (!resampled(gsi)) return;
  routes_.drive(gsi, LineSource::resample, false);
  for (const auto& [id, entry] : entries_)
    if (entry.gsi == gsi && entry.resample) entry.resample->signal();
}

void IrqFds::reap() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (!entry->second.event.open()) detach(entry);
    entry = next;
  }
}

void IrqFds::detach(Entries::iterator entry) {
  const auto gsi = entry->second.gsi;
  const bool was_resampled = entry->second.resample.has_value();
  ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, entry->second.event.fd(), nullptr);
  entry->second.event.take();
  claims().give_back(entry->first);
  entries_.erase(entry);
  if (was_resampled && !resampled(gsi)) routes_.drive(gsi, LineSource::resample, false);
}

bool IrqFds::resampled(std::uint32_t gsi) const {
  return std::ranges::any_of(entries_, [gsi](const auto& entry) {
    return entry.second.gsi == gsi && entry.second.resample.has_value();
  });
}

}  // namespace bellwire::machine
