// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/duel.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>

#include "vdev/machine/rules/fixture.hpp"

namespace bellwire::rules {
namespace {

using machine::Space;

constexpr machine::Pin level_pin{.number = 16, .vector = 0x71, .level = true};
constexpr machine::Pin edge_pin{.number = 17, .vector = 0x72, .level = false};
constexpr std::uint8_t first_vector = 0x41, message_vector = 0x73;

os::UniqueFd make_wire(unsigned index) {
  const bool semaphore = index >= Duellist::wires - 2;
  os::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0)));
  if (!fd.valid()) throw std::system_error(errno, std::system_category(), "cannot make an eventfd");
  return fd;
}

std::string outcome(ssize_t result) {
  return error_name(result < 0 ? errno : 0);
}

std::string listed(const std::vector<std::uint8_t>& vectors) {
  return std::move(Observation().vectors("taken", vectors)).text();
}

}  // namespace

Duellist::Duellist(const machine::MachineFactory& factory) : machine_(factory({}).value()) {
  for (unsigned index = 0; index < wires; ++index) wires_[index] = make_wire(index);
  for (unsigned index = 0; index < resamples; ++index)
    resamples_.push_back(os::EventFd::create().value());
  std::vector<os::EventFd> interrupts;
  for (unsigned index = 0; index < vectors; ++index) {
    raises_.push_back(os::EventFd::create().value());
    interrupts.push_back(raises_.back().duplicate().value());
  }
  machine_->set_pin(level_pin);
  machine_->set_pin(edge_pin);
  std::vector<kvm_irq_routing_entry> others{machine::pin_route(2, level_pin.number),
                                            machine::pin_route(3, edge_pin.number),
                                            machine::msi_route(4, message_vector)};
  msix_.emplace(
      machine::MsixTable::create(*machine_, std::move(interrupts), first_vector, std::move(others))
          .value());
}

std::string Duellist::ioeventfd(unsigned wire, kvm_ioeventfd request) {
  request.fd = wires_[wire].get();
  return error_name(machine_->ioeventfd(request));
}

std::string Duellist::irqfd(unsigned wire, unsigned resample, kvm_irqfd request) {
  request.fd = static_cast<std::uint32_t>(wires_[wire].get());
  request.resamplefd = static_cast<std::uint32_t>(resamples_[resample].fd());
  return error_name(machine_->irqfd(request));
}

std::string Duellist::write(Space space, std::uint64_t address, unsigned size,
                            std::uint64_t value) {
  const auto seen = machine_->write(space, address, size, value);
  return seen ? text("user space, {:#x}", *seen) : "doorbell";
}

std::string Duellist::read(Space space, std::uint64_t address, unsigned size) {
  return machine_->read(space, address, size) ? "user space" : "doorbell";
}

std::string Duellist::signal(unsigned wire, std::uint64_t count) {
  return outcome(::write(wires_[wire].get(), &count, sizeof count));
}

std::string Duellist::count(unsigned wire) {
  std::uint64_t count = 0;
  const auto result = ::read(wires_[wire].get(), &count, sizeof count);
  return result < 0 ? outcome(result) : text("{}", count);
}

std::string Duellist::renew(unsigned wire) {
  wires_[wire].reset();
  machine_->settle();
  wires_[wire] = make_wire(wire);
  return "ok";
}

std::string Duellist::mask(unsigned vector) {
  msix_->mask(vector);
  return "ok";
}

std::string Duellist::unmask(unsigned vector) {
  const auto done = msix_->unmask(vector);
  return done ? "ok" : done.error().message;
}

std::string Duellist::aim(unsigned vector, std::uint8_t at) {
  const auto done = msix_->aim(vector, at);
  return done ? "ok" : done.error().message;
}

std::string Duellist::raise(unsigned vector) {
  return raises_[vector].ring() ? "ok" : "full";
}

std::string Duellist::pending(unsigned vector) {
  return msix_->pending(vector) ? "pending" : "not pending";
}

std::vector<std::uint8_t> Duellist::take(std::size_t expected) {
  machine_->settle();
  return rules::take(*machine_, expected);
}

std::string Duellist::resampled() {
  Observation observation;
  for (const auto& resample : resamples_)
    observation.number("resampled", resample.drain().value_or(0));
  return std::move(observation).text();
}

namespace {

struct Operation {
  std::string name;
  std::function<std::string(Duellist&)> on;
};

// Draws operations whose numbers are few, so that they meet.
class Draw {
 public:
  explicit Draw(std::mt19937_64& random) : random_(random) {}

  Operation operator()() {
    struct Kind {
      unsigned weight;
      Operation (Draw::*draw)();
    };
    static constexpr std::array kinds{
        Kind{12, &Draw::ioeventfd}, Kind{12, &Draw::irqfd},  Kind{20, &Draw::write},
        Kind{3, &Draw::read},       Kind{20, &Draw::signal}, Kind{8, &Draw::count},
        Kind{4, &Draw::renew},      Kind{4, &Draw::mask},    Kind{6, &Draw::unmask},
        Kind{2, &Draw::aim},        Kind{6, &Draw::raise},   Kind{3, &Draw::pending}};
    static constexpr unsigned all = 100;
    auto left = below(all);
    for (const auto& kind : kinds) {
      if (left < kind.weight) return (this->*kind.draw)();
      left -= kind.weight;
    }
    throw std::logic_error("the weights are not 100");
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <class Value, std::size_t count>
  Value one_of(const std::array<Value, count>& values) {
    return values[below(count)];
  }
  unsigned wire() { return below(Duellist::wires); }
  unsigned vector() { return below(Duellist::vectors); }
  Space space() { return below(4) == 0 ? Space::pio : Space::mmio; }
  std::uint64_t address(Space at) {
    return (at == Space::pio ? 0x510 : 0xd000'0000) + one_of(std::array{0u, 4u, 6u});
  }
  std::uint64_t value() { return one_of(std::array<std::uint64_t, 4>{0, 1, 2, 0x1'0000'0001}); }

  Operation ioeventfd() {
    kvm_ioeventfd request{};
    const auto at = space();
    request.addr = address(at);
    request.len = one_of(std::array{0u, 1u, 2u, 3u, 4u, 4u, 4u, 8u});
    request.datamatch = value();
    request.flags = (at == Space::pio ? std::uint32_t{KVM_IOEVENTFD_FLAG_PIO} : 0) |
                    (below(2) == 0 ? std::uint32_t{KVM_IOEVENTFD_FLAG_DATAMATCH} : 0) |
                    (below(2) == 0 ? std::uint32_t{KVM_IOEVENTFD_FLAG_DEASSIGN} : 0);
    const auto which = wire();
    return {text("ioeventfd wire {} address {:#x} length {} data {:#x} flags {}", which,
                 request.addr, request.len, request.datamatch, request.flags),
            [=](Duellist& on) { return on.ioeventfd(which, request); }};
  }
  Operation irqfd() {
    kvm_irqfd request{};
    request.gsi = below(Duellist::gsis);
    request.flags = one_of(std::array<std::uint32_t, 6>{
        0, 0, KVM_IRQFD_FLAG_RESAMPLE, KVM_IRQFD_FLAG_DEASSIGN, KVM_IRQFD_FLAG_DEASSIGN, 4});
    const auto which = wire(), resample = below(Duellist::resamples);
    return {text("irqfd wire {} GSI {} flags {} resample {}", which, request.gsi, request.flags,
                 resample),
            [=](Duellist& on) { return on.irqfd(which, resample, request); }};
  }
  Operation write() {
    const auto at = space();
    const auto where = address(at), what = value();
    const auto size =
        at == Space::pio ? one_of(std::array{1u, 2u, 4u}) : one_of(std::array{1u, 2u, 4u, 4u, 8u});
    return {text("write {} bytes of {:#x} to {:#x}", size, what, where),
            [=](Duellist& on) { return on.write(at, where, size, what); }};
  }
  Operation read() {
    const auto at = space();
    const auto where = address(at);
    return {text("read {:#x}", where), [=](Duellist& on) { return on.read(at, where, 4); }};
  }
  Operation signal() {
    const auto which = wire(), count = one_of(std::array{1u, 2u, 5u});
    return {text("signal wire {} by {}", which, count),
            [=](Duellist& on) { return on.signal(which, count); }};
  }
  Operation count() {
    const auto which = wire();
    return {text("read wire {}", which), [=](Duellist& on) { return on.count(which); }};
  }
  Operation renew() {
    const auto which = wire();
    return {text("close wire {}", which), [=](Duellist& on) { return on.renew(which); }};
  }
  Operation mask() {
    const auto which = vector();
    return {text("mask {}", which), [=](Duellist& on) { return on.mask(which); }};
  }
  Operation unmask() {
    const auto which = vector();
    return {text("unmask {}", which), [=](Duellist& on) { return on.unmask(which); }};
  }
  Operation aim() {
    const auto which = vector();
    const auto at = static_cast<std::uint8_t>(0x50 + below(8));
    return {text("aim {} at {:#x}", which, at), [=](Duellist& on) { return on.aim(which, at); }};
  }
  Operation raise() {
    const auto which = vector();
    return {text("raise {}", which), [=](Duellist& on) { return on.raise(which); }};
  }
  Operation pending() {
    const auto which = vector();
    return {text("pending bit {}", which), [=](Duellist& on) { return on.pending(which); }};
  }

  std::mt19937_64& random_;
};

}  // namespace

std::string Duel::step() {
  const auto operation = Draw(random_)();
  const auto say = [&operation](Duellist& duellist, std::size_t expected) {
    auto came = operation.on(duellist);
    const auto taken = duellist.take(expected);
    return std::pair(came + ", " + listed(taken) + ", " + duellist.resampled(), taken.size());
  };
  const auto [model, expected] = say(model_, 0);
  const auto kernel = say(kernel_, expected).first;
  last_ = operation.name + ": " + model;
  if (model == kernel) return {};
  return text("{}\n  model:  {}\n  kernel: {}", operation.name, model, kernel);
}

}  // namespace bellwire::rules
