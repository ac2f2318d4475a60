// SPDX-License-Identifier: BSD-3-Clause
//
// edu: a PCI device for learning to write drivers, after QEMU's: registers, interrupts and DMA
// (edu_registers.hpp). It is a whole PCI function, not a ring device, so it runs where there is a
// PCI bus. On the thread that runs its transport.
//
// DMA takes any address, where QEMU's edu takes 28 bits of it; a failed transfer sets dma::failed,
// and its interrupt comes all the same. A factorial is computed at once: status never says that it
// is being computed. Interrupts are sent by MSI if the driver has enabled it, otherwise by INTx
// until they are acknowledged.
#pragma once

#include <vector>

#include "vdev/devices/edu_registers.hpp"
#include "vdev/pci/function.hpp"

namespace bellwire::edu {

class Edu final : public pci::Function, private RegisterBlock {
 public:
  Edu();

 private:
  struct Row;
  static const Row rows[];
  static const Row* find(std::uint64_t offset, unsigned size) noexcept;

  static pci::Plan plan(RegisterBlock& registers);
  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override;
  void on_reset() noexcept override;

  void compute(std::uint32_t number);
  void raise(std::uint32_t bits);
  void acknowledge(std::uint32_t bits);

  // What a driver can read back; a reset clears it.
  struct Registers {
    std::uint32_t liveness = 0, factorial = 0, status = 0, interrupts = 0;
    std::uint64_t source = 0, destination = 0, count = 0, command = 0;
  };
  [[nodiscard]] bool running() const noexcept { return (registers_.command & dma::run) != 0; }
  void set(std::uint64_t Registers::*which, std::uint64_t value);
  void command(std::uint64_t value);
  void transfer();
  void finish(bool good);

  Registers registers_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(buffer_size);
  // What a transfer carries: not the buffer itself, since a reset clears that and ends no transfer.
  std::vector<std::byte> carried_ = buffer_;
  bool carrying_ = false;
  unsigned life_ = 0;  // counts resets: what a transfer from before one brings is dropped
};

}  // namespace bellwire::edu
