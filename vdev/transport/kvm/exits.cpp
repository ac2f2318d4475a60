// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/kvm/exits.hpp"

#include <cstring>

#include "vdev/transport/kvm/ring_guest.h"

namespace bellwire::kvm {

struct Exits::Place {
  std::uint64_t address;
  std::uint64_t size;
  void (Exits::*answer)(Access&);
};

constexpr Exits::Place Exits::places[] = {
    {RING_DOORBELL, sizeof(std::uint32_t), &Exits::ring},
    {RING_PLAN, RING_REGISTERS - RING_PLAN, &Exits::tell_plan},
    {RING_REGISTERS, RING_REGISTERS_SIZE, &Exits::use_register},
};

bool Exits::answer(kvm_run& exit) {
  if (exit.exit_reason != KVM_EXIT_MMIO) return false;
  auto& seen = exit.mmio;
  for (const auto& place : places) {
    Access access{seen.phys_addr - place.address, seen.len, seen.is_write != 0, 0};
    if (access.offset >= place.size) continue;
    std::memcpy(&access.value, seen.data, access.size);
    (this->*place.answer)(access);
    if (!access.write) std::memcpy(seen.data, &access.value, access.size);
    return true;
  }
  return false;
}

void Exits::ring(Access& access) {
  ++doorbells_;
  if (access.write) doorbell_.ring();
}

void Exits::tell_plan(Access& access) {
  ++others_;
  access.value = access.offset == RING_PLAN_REQUESTS ? plan_.requests
                 : access.offset == RING_PLAN_DEPTH  ? plan_.depth
                                                     : 0;
}

void Exits::use_register(Access& access) {
  ++others_;
  if (access.write)
    registers_.write(access.offset, access.size, access.value);
  else
    access.value = registers_.read(access.offset, access.size);
}

}  // namespace bellwire::kvm
