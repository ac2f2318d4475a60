// SPDX-License-Identifier: BSD-3-Clause
//
// squarer: a PCI device that squares numbers, and the program that serves it:
//     squarer-device --on vfio-user:SOCKET
#include "host/device/device_main.hpp"
#include "squarer_registers.h"
#include "vdev/pci/register.hpp"

using namespace bellwire;

namespace {

constexpr pci::Register<std::uint32_t, SQUARER_IDENTITY> identity{};
constexpr pci::Register<std::uint32_t, SQUARER_OPERAND> operand{};
constexpr pci::Register<std::uint32_t, SQUARER_RESULT> result{};

class Squarer final : public pci::Function, private RegisterBlock {
 public:
  Squarer() : Function(plan(*this)) {}

 private:
  static pci::Plan plan(RegisterBlock& registers) {
    pci::Plan plan;
    plan.identity = {.vendor = SQUARER_VENDOR_ID, .device = SQUARER_DEVICE_ID};
    plan.bars[SQUARER_BAR] = {.shape = {pci::BarKind::memory32, SQUARER_BAR_SIZE},
                              .registers = &registers};
    plan.msix.vectors = SQUARER_VECTORS;
    return plan;
  }

  // The guest reads a register, `size` bytes at `offset` of the BAR.
  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
    if (identity.matches(offset, size)) return SQUARER_MAGIC;
    if (operand.matches(offset, size)) return operand_;
    if (result.matches(offset, size)) return result_;
    return 0;
  }

  // The guest writes one. Whatever it writes, nothing here may fail or wait.
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override {
    if (operand.matches(offset, size)) square(static_cast<std::uint32_t>(value));
  }

  void square(std::uint32_t number) noexcept {
    operand_ = number;
    result_ = number * number;
    interrupts().vector(SQUARER_VECTOR_DONE).raise();
  }

  void on_reset() noexcept override { operand_ = result_ = 0; }

  std::uint32_t operand_ = 0, result_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  return device_main(argc, argv, {pci_function<Squarer>("squarer", "squares numbers")});
}
