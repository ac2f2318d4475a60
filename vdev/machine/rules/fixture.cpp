// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/fixture.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "vdev/os/text.hpp"

namespace bellwire::rules {

namespace {
constexpr std::chrono::seconds patience{5};
}

MachineFixture::MachineFixture(const World& world, const machine::MachineOptions& options)
    : machine_(world.machine(options).value()) {}

unsigned MachineFixture::wire(bool semaphore) {
  os::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0)));
  if (!fd.valid()) throw std::system_error(errno, std::system_category(), "cannot make an eventfd");
  wires_.push_back(std::move(fd));
  return static_cast<unsigned>(wires_.size() - 1);
}

void MachineFixture::close(unsigned wire) {
  wires_.at(wire).reset();
  machine_->settle();
}

void MachineFixture::signal(unsigned wire, std::uint64_t count) {
  if (::write(fd(wire), &count, sizeof count) != sizeof count)
    throw std::system_error(errno, std::system_category(), "cannot signal an eventfd");
  machine_->settle();
}

std::uint64_t MachineFixture::count(unsigned wire) {
  std::uint64_t count = 0;
  return ::read(fd(wire), &count, sizeof count) == sizeof count ? count : 0;
}

int MachineFixture::doorbell(unsigned wire, const Spot& spot, std::uint32_t flags) {
  kvm_ioeventfd request{};
  request.datamatch = spot.match.value_or(0);
  request.addr = spot.address;
  request.len = spot.length;
  request.fd = fd(wire);
  request.flags = flags;
  if (spot.match) request.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
  if (spot.space == machine::Space::pio) request.flags |= KVM_IOEVENTFD_FLAG_PIO;
  return machine_->ioeventfd(request);
}

int MachineFixture::remove_doorbell(unsigned wire, const Spot& spot) {
  return doorbell(wire, spot, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

std::string MachineFixture::write(const Spot& spot, std::uint64_t value) {
  const auto seen = machine_->write(spot.space, spot.address, spot.length, value);
  return seen ? text("user space, {:#x}", *seen) : "doorbell";
}

std::string MachineFixture::read(const Spot& spot) {
  return machine_->read(spot.space, spot.address, spot.length) ? "user space" : "doorbell";
}

int MachineFixture::irqfd(unsigned wire, std::uint32_t gsi, std::uint32_t flags,
                          unsigned resample) {
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(fd(wire));
  request.gsi = gsi;
  request.flags = flags;
  if ((flags & KVM_IRQFD_FLAG_RESAMPLE) != 0)
    request.resamplefd = static_cast<std::uint32_t>(fd(resample));
  return machine_->irqfd(request);
}

int MachineFixture::remove_irqfd(unsigned wire, std::uint32_t gsi) {
  return irqfd(wire, gsi, KVM_IRQFD_FLAG_DEASSIGN);
}

void MachineFixture::route(std::initializer_list<kvm_irq_routing_entry> routes) {
  if (const int error = machine_->set_routes(routes); error != 0)
    throw std::system_error(error, std::system_category(), "cannot route interrupts");
}

std::vector<std::uint8_t> take(machine::Machine& machine, std::size_t expected) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  auto taken = machine.take_interrupts(std::chrono::milliseconds(0));
  while (taken.size() < expected && std::chrono::steady_clock::now() < deadline) {
    const auto more = machine.take_interrupts(std::chrono::milliseconds(100));
    taken.insert(taken.end(), more.begin(), more.end());
  }
  std::ranges::sort(taken);
  return taken;
}

}  // namespace bellwire::rules
