// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the software bus, with an oracle: the rules of docs/semantics.md (15 to 37)
// once more, as lists that are searched from one end to the other. The input is what a VMM and its
// guest do with ioeventfds, irqfds and routes, in any order and with any numbers. After each step
// both must have given the same answer, taken the same interrupts, and left the same counts.
//
// Left out: entries that overlap (rule 21), since there the order of their insertion decides;
// inputs of the I/O APIC, which the duel with the kernel has (../rules/duel.cpp).
#include <fuzzer/FuzzedDataProvider.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "vdev/fuzz/check.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::machine::soft_machine_fuzz {
namespace {

using fuzz::require;

constexpr unsigned wires = 3;
constexpr unsigned gsis = 4;
constexpr std::uint32_t no_such_flag = 1 << 7;
constexpr std::uint32_t most_gsi = 4096;  // as KVM's

using Serial = unsigned;  // of an eventfd; a wire that was renewed has another

// What the request names: an eventfd, or something that is none.
struct Named {
  int fd;
  std::optional<Serial> serial;
  int error = 0;
};

class Oracle {
 public:
  int ioeventfd(const kvm_ioeventfd& request, const Named& named) {
    const Entry entry{.place = place_of(request), .match = match_of(request)};
    if ((request.flags & KVM_IOEVENTFD_FLAG_DEASSIGN) != 0) return deassign(entry, named);
    const bool right_length = std::set{0U, 1U, 2U, 4U, 8U}.contains(request.len);
    if (!right_length || request.addr > ~std::uint64_t{0} - request.len) return EINVAL;
    if ((request.flags & no_such_flag) != 0 || (request.len == 0 && entry.match)) return EINVAL;
    if (!named.serial) return named.error;
    for (const auto& other : entries_)
      if (same(entry, other)) return EEXIST;
    entries_.push_back(entry);
    entries_.back().serial = *named.serial;
    return 0;
  }

  int irqfd(const kvm_irqfd& request, const Named& named) {
    if ((request.flags & ~std::uint32_t{KVM_IRQFD_FLAG_DEASSIGN}) != 0) return EINVAL;
    if (!named.serial) return named.error;
    const auto serial = *named.serial;
    const auto found = irqfds_.find(serial);
    if ((request.flags & KVM_IRQFD_FLAG_DEASSIGN) != 0) {
      if (found != irqfds_.end() && found->second == request.gsi) detach(serial);
      return 0;
    }
    if (found != irqfds_.end()) return EBUSY;
    irqfds_[serial] = request.gsi;
    if (counts_[serial] > 0) inject(request.gsi);  // the count stays (rule 32)
    return 0;
  }

  int set_routes(const std::vector<kvm_irq_routing_entry>& routes) {
    std::map<std::uint32_t, std::uint8_t> vectors;
    for (const auto& route : routes) {
      const auto vector = static_cast<std::uint8_t>(route.u.msi.data);
      if (route.gsi >= most_gsi || !vectors.emplace(route.gsi, vector).second) return EINVAL;
    }
    vectors_ = vectors;
    return 0;
  }

  /// Whether an ioeventfd took it.
  bool write(Space space, std::uint64_t address, unsigned size, std::uint64_t value) {
    for (const auto& [place, match, serial] : entries_) {
      const bool here = place.space == space && place.address == address;
      if (!here || (place.length != 0 && place.length != size)) continue;
      if (match && *match != low_bytes(value, size)) continue;
      signal(serial, 1);
      return true;
    }
    return false;
  }

  void signal(Serial serial, std::uint64_t count) {
    counts_[serial] += count;
    const auto irqfd = irqfds_.find(serial);
    if (irqfd == irqfds_.end()) return;
    counts_[serial] = 0;
    inject(irqfd->second);
  }
  std::uint64_t take_count(Serial serial) { return std::exchange(counts_[serial], 0); }
  void closed(Serial serial) { detach(serial); }
  std::vector<std::uint8_t> take_interrupts() {
    const auto taken = std::exchange(pending_, {});
    return {taken.rbegin(), taken.rend()};
  }

 private:
  struct Place {
    Space space;
    std::uint64_t address;
    std::uint32_t length;
    bool operator==(const Place&) const = default;
  };
  struct Entry {
    Place place;
    std::optional<std::uint64_t> match;
    Serial serial = 0;
  };

  static Place place_of(const kvm_ioeventfd& request) {
    const bool pio = (request.flags & KVM_IOEVENTFD_FLAG_PIO) != 0;
    return {pio ? Space::pio : Space::mmio, request.addr, request.len};
  }
  static std::optional<std::uint64_t> match_of(const kvm_ioeventfd& request) {
    if ((request.flags & KVM_IOEVENTFD_FLAG_DATAMATCH) == 0) return std::nullopt;
    return request.datamatch;
  }
  // Rule 20.
  static bool same(const Entry& one, const Entry& other) {
    const auto& a = one.place;
    const auto& b = other.place;
    if (a.space != b.space || a.address != b.address) return false;
    if (a.length == 0 || b.length == 0) return true;
    return a.length == b.length && (!one.match || !other.match || one.match == other.match);
  }
  int deassign(const Entry& wanted, const Named& named) {
    if (!named.serial) return named.error;
    const auto erased = std::erase_if(entries_, [&](const Entry& entry) {
      return entry.place == wanted.place && entry.match == wanted.match &&
             entry.serial == named.serial;
    });
    return erased == 1 ? 0 : ENOENT;
  }
  void inject(std::uint32_t gsi) {
    if (const auto route = vectors_.find(gsi); route != vectors_.end())
      pending_.insert(route->second);
  }
  void detach(Serial serial) {
    if (irqfds_.erase(serial) > 0) counts_[serial] = 0;
  }

  std::vector<Entry> entries_;
  std::map<Serial, std::uint32_t> irqfds_;  // their GSIs
  std::map<std::uint32_t, std::uint8_t> vectors_;
  std::map<Serial, std::uint64_t> counts_;
  std::set<std::uint8_t> pending_;
};

class Trial {
 public:
  explicit Trial(FuzzedDataProvider& input) : input_(input) {
    for (unsigned wire = 0; wire < wires; ++wire) renew(wire);
  }

  void run() {
    while (input_.remaining_bytes() > 0) {
      (this->*input_.PickValueInArray(steps))();
      machine_.settle();
      require(machine_.take_interrupts({}) == oracle_.take_interrupts());
    }
    for (unsigned wire = 0; wire < wires; ++wire) compare_count(wire);
  }

 private:
  using Step = void (Trial::*)();

  unsigned wire() { return input_.ConsumeIntegralInRange(0U, wires - 1); }
  Named any() {
    const auto chosen = input_.ConsumeIntegralInRange(0U, 8 * wires + 1);
    if (chosen == 8 * wires) return {-1, std::nullopt, EBADF};
    if (chosen > 8 * wires) return {STDIN_FILENO, std::nullopt, EINVAL};
    return {fds_[chosen % wires].get(), serials_[chosen % wires]};
  }
  Space space() { return input_.ConsumeBool() ? Space::mmio : Space::pio; }
  // So far apart that none overlap: one of length 0 overlaps the end of another, too.
  std::uint64_t address(Space at) {
    const auto offset = input_.ConsumeIntegralInRange(0U, 3U) * 16;
    if (input_.ConsumeIntegralInRange(0, 31) == 0) return ~std::uint64_t{0} - offset;
    return (at == Space::mmio ? 0xd000'0000U : 0x510U) + offset;
  }
  std::uint64_t value() {
    static constexpr std::uint64_t values[] = {0, 1, 2, 0xff, 0x1'0000'0001};
    return input_.PickValueInArray(values);
  }

  void ioeventfd() {
    static constexpr std::uint32_t lengths[] = {0, 1, 2, 3, 4, 4, 4, 8, 16};
    const auto named = any();
    const auto at = space();
    kvm_ioeventfd request{};
    request.addr = address(at);
    request.len = input_.PickValueInArray(lengths);
    request.datamatch = value();
    request.fd = named.fd;
    if (at == Space::pio) request.flags |= KVM_IOEVENTFD_FLAG_PIO;
    if (input_.ConsumeBool()) request.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
    if (input_.ConsumeIntegralInRange(0, 2) == 0)
      request.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
    else if (input_.ConsumeIntegralInRange(0, 31) == 0)
      request.flags |= no_such_flag;
    require(machine_.ioeventfd(request) == oracle_.ioeventfd(request, named));
  }
  void irqfd() {
    static constexpr std::uint32_t flags[] = {0, 0, KVM_IRQFD_FLAG_DEASSIGN, no_such_flag};
    const auto named = any();
    kvm_irqfd request{};
    request.fd = static_cast<std::uint32_t>(named.fd);
    request.gsi = input_.ConsumeIntegralInRange(0U, gsis);
    request.flags = input_.PickValueInArray(flags);
    require(machine_.irqfd(request) == oracle_.irqfd(request, named));
  }
  void route() {
    std::vector<kvm_irq_routing_entry> routes;
    const auto count = input_.ConsumeIntegralInRange(0U, gsis);
    for (unsigned each = 0; each < count; ++each) {
      const auto gsi = input_.ConsumeIntegralInRange(0U, 2 * gsis);
      routes.push_back(msi_route(gsi < 2 * gsis ? gsi % gsis : most_gsi,
                                 input_.ConsumeIntegralInRange<std::uint8_t>(0x41, 0x43)));
    }
    require(machine_.set_routes(routes) == oracle_.set_routes(routes));
  }
  void write() {
    const auto at = space();
    const auto where = address(at);
    const auto size = 1U << input_.ConsumeIntegralInRange(0U, at == Space::mmio ? 3U : 2U);
    const auto what = value();
    const auto seen = machine_.write(at, where, size, what);
    require(oracle_.write(at, where, size, what) == !seen);
    require(!seen || *seen == low_bytes(what, size));
  }
  void read() {
    const auto at = space();
    require(machine_.read(at, address(at), 4));
  }
  void signal() {
    const auto which = wire();
    const std::uint64_t count = input_.ConsumeIntegralInRange(1U, 5U);
    require(::write(fds_[which].get(), &count, sizeof count) == sizeof count);
    oracle_.signal(serials_[which], count);
  }
  void count() { compare_count(wire()); }
  void compare_count(unsigned which) {
    std::uint64_t count = 0;
    if (::read(fds_[which].get(), &count, sizeof count) < 0) require(errno == EAGAIN);
    require(count == oracle_.take_count(serials_[which]));
  }
  void renew() { renew(wire()); }
  void renew(unsigned which) {
    fds_[which].reset();
    machine_.settle();
    oracle_.closed(serials_[which]);
    fds_[which].reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    require(fds_[which].valid());
    serials_[which] = ++last_serial_;
  }

  static constexpr Step steps[] = {&Trial::ioeventfd, &Trial::ioeventfd, &Trial::irqfd,
                                   &Trial::irqfd,     &Trial::route,     &Trial::write,
                                   &Trial::write,     &Trial::read,      &Trial::signal,
                                   &Trial::signal,    &Trial::count,     &Trial::renew};

  FuzzedDataProvider& input_;
  SoftMachine machine_;
  Oracle oracle_;
  std::array<os::UniqueFd, wires> fds_;
  std::array<Serial, wires> serials_{};
  Serial last_serial_ = 0;
};

void try_one(FuzzedDataProvider& input) {
  Trial(input).run();
}

}  // namespace
}  // namespace bellwire::machine::soft_machine_fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  bellwire::machine::soft_machine_fuzz::try_one(input);
  return 0;
}
