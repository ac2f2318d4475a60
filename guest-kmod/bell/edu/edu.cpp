// SPDX-License-Identifier: BSD-3-Clause
//
// bell edu: drives an edu from user space: its registers through sysfs, DMA to a huge page. All
// that is checked holds for QEMU's own edu as well, except for the checks that --qemus leaves out.
#include "guest-kmod/bell/commands.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "guest-kmod/bell/pci/user_driver.hpp"
#include "guest-kmod/bell/report/ktap_checks.hpp"
#include "vdev/devices/edu_registers.hpp"

namespace bell {

using bellwire::text;
namespace edu = bellwire::edu;
namespace {

// QEMU's has 4096 bytes, but it refuses ranges that reach the last byte.
constexpr std::uint64_t qemus_buffer = 2048;
constexpr auto patience = std::chrono::seconds(10);

template <class Condition>
bool becomes(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition())
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

template <class Register>
bool becomes_zero(const PciDevice& device, Register reg, typename Register::Value bits) {
  return becomes([&] { return (device.load(reg) & bits) == 0; });
}

bool inverts(const PciDevice& device) {
  return std::ranges::all_of(std::initializer_list<std::uint32_t>{0, 1, 0x5A5A1234, ~0U},
                             [&device](std::uint32_t value) {
                               device.store(edu::liveness, value);
                               return device.load(edu::liveness) == ~value;
                             });
}

std::uint32_t factorial(const PciDevice& device, std::uint32_t number) {
  constexpr std::uint32_t computing = 1;  // a bit that only QEMU's edu sets
  device.store(edu::factorial, number);
  return becomes_zero(device, edu::status, computing) ? device.load(edu::factorial) : 0;
}

// Waits for it: QEMU's edu computes in a thread of its own, which says that the factorial is there
// before it raises the interrupt.
bool becomes_asserted(const PciDevice& device, std::uint32_t bits) {
  return becomes([&] {
    const auto interrupting = device.interrupting();
    return device.load(edu::interrupt_status) == bits && interrupting &&
           *interrupting == (bits != 0);
  });
}

bool move(const PciDevice& device, std::uint64_t from, std::uint64_t to, std::uint64_t count,
          std::uint64_t command) {
  device.store(edu::dma_source, from);
  device.store(edu::dma_destination, to);
  device.store(edu::dma_count, count);
  device.store(edu::dma_command, edu::dma::run | command);
  return becomes_zero(device, edu::dma_command, edu::dma::run) &&
         (device.load(edu::dma_command) & edu::dma::failed) == 0;
}

// Different bytes in each round.
void fill_pattern(std::span<std::byte> bytes, std::uint64_t& seed) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof seed) {
    seed = seed * 0x5851F42D4C957F2D + 1;
    std::memcpy(&bytes[at], &seed, sizeof seed);
  }
}

// Moves bytes to the device and back until they differ. Returns how many were right, both ways.
std::uint64_t shuttle(const PciDevice& device, const DmaMemory& memory, std::uint64_t address,
                      std::uint64_t buffer, std::uint64_t wanted) {
  const auto out = memory.bytes().first(buffer);
  const auto back = memory.bytes().last(buffer);
  const auto return_address = address + DmaMemory::size - buffer;
  std::uint64_t moved = 0, seed = 1;
  for (; moved < wanted; moved += 2 * buffer) {
    fill_pattern(out, seed);
    std::ranges::fill(back, std::byte{});
    if (!move(device, address, edu::buffer_address, buffer, 0) ||
        !move(device, edu::buffer_address, return_address, buffer, edu::dma::to_memory) ||
        !std::ranges::equal(out, back))
      break;
  }
  return moved;
}

void check_registers(KtapChecks& checks, const PciDevice& device) {
  checks.check(device.load(edu::identification) == edu::identity,
               text("the device at {} identifies as an edu", device.address()));
  checks.check(inverts(device), "its liveness register returns the inverse of what is written");
  checks.check(factorial(device, 0) == 1 && factorial(device, 12) == 479001600 &&
                   factorial(device, 13) == 1932053504,
               "it computes factorials, modulo 2^32");
}

void check_interrupts(KtapChecks& checks, const PciDevice& device) {
  constexpr std::uint32_t ours = 0x2;
  device.store(edu::interrupt_raise, ours);
  checks.check(becomes_asserted(device, ours),
               "an interrupt is raised, and shows in the PCI status");
  device.store(edu::status, edu::factorial_interrupts);
  factorial(device, 5);
  checks.check(becomes_asserted(device, ours | edu::factorial_done),
               "a factorial raises one, if asked to");
  device.store(edu::status, 0);
  device.store(edu::interrupt_acknowledge, ours | edu::factorial_done);
  checks.check(becomes_asserted(device, 0), "both are acknowledged");
}

}  // namespace

Result<bool> run_edu(const EduOptions& options) {
  const auto device = PciDevice::open(edu::vendor_id, edu::device_id);
  if (!device) return device.error();
  const auto memory = DmaMemory::create();
  if (!memory) return memory.error();
  const auto address = memory->address();
  if (!address) return address.error();
  KtapChecks checks(options.qemus ? 9 : 10);
  check_registers(checks, *device);
  check_interrupts(checks, *device);
  const auto buffer = options.qemus ? qemus_buffer : edu::buffer_size;
  const auto moved = shuttle(*device, *memory, *address, buffer, options.dma);
  checks.check(moved >= options.dma,
               text("{} of {} KiB of DMA came back unchanged", moved >> 10, options.dma >> 10));
  const auto now = memory->address();
  checks.check(now && *now == *address, "the memory stayed where it was");
  move(*device, *address, edu::buffer_address, 8, edu::dma::interrupts);
  checks.check(becomes_asserted(*device, edu::dma_done), "DMA raises an interrupt, if asked to");
  device->store(edu::interrupt_acknowledge, edu::dma_done);
  if (!options.qemus)
    checks.check(!move(*device, ~std::uint64_t{0} << 40, edu::buffer_address, 8, 0),
                 "DMA to an address without memory fails, and is reported");
  if (auto there = device->check(); !there) return there.error();
  return checks.good();
}

}  // namespace bell
