// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/kvm/ring_guest.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>

#include "vdev/transport/kvm/ring_guest.h"

namespace bellwire::kvm {

struct Exits::Place {
  std::uint64_t address;
  std::uint64_t size;
  void (Exits::*answer)(Access&);
};

constexpr Exits::Place Exits::places[] = {
    {RING_DOORBELL, sizeof(std::uint32_t), &Exits::ring},
    {RING_PLAN, RING_REGISTERS - RING_PLAN, &Exits::read_plan},
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

void Exits::read_plan(Access& access) {
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

namespace {

constexpr std::uint64_t page = 4096;

std::uint64_t bytes_for(std::uint32_t requests) {
  return (std::uint64_t{requests} * RECORD_SIZE / page + 1) * page;
}

}  // namespace

struct Records::Record {
  std::array<std::byte, RING_PIECE> input;
  std::array<std::byte, RING_PIECE> output;
  std::uint64_t submitted_at;
  std::uint64_t taken_at;
  std::uint32_t status;
  std::uint32_t length;
  std::uint64_t result;
  std::uint32_t answers;
  std::uint32_t unused[7];
};

std::span<Records::Record> Records::all() const noexcept {
  static_assert(offsetof(Record, output) == RECORD_OUTPUT);
  static_assert(offsetof(Record, submitted_at) == RECORD_SUBMITTED_AT);
  static_assert(offsetof(Record, taken_at) == RECORD_TAKEN_AT);
  static_assert(offsetof(Record, status) == RECORD_STATUS);
  static_assert(offsetof(Record, length) == RECORD_LENGTH);
  static_assert(offsetof(Record, result) == RECORD_RESULT);
  static_assert(offsetof(Record, answers) == RECORD_ANSWERS);
  static_assert(sizeof(Record) == RECORD_SIZE);
  return {reinterpret_cast<Record*>(memory_.bytes().data()), requests_};
}

Result<Records> Records::create(Vm& vm, std::uint32_t slot, std::uint32_t requests) {
  if (requests < 1 || requests > most_requests)
    return fault(std::errc::invalid_argument, "{} requests: choose 1 to {}", requests,
                 most_requests);
  const auto size = bytes_for(requests);
  const auto fd = os::create_memfd("bellwire-records", size);
  if (!fd) return fd.error();
  auto mapping = os::Mapping::create(fd->get(), size);
  if (!mapping) return mapping.error();
  auto memory = vm.map(slot, RING_RECORDS, MemoryView(std::move(*mapping)));
  if (!memory) return memory.error();
  Records records(std::move(*memory), requests);
  std::mt19937_64 random;
  for (auto& record : records.all())
    std::ranges::generate(record.input, [&] { return static_cast<std::byte>(random()); });
  return records;
}

std::vector<Exchange> Records::exchanges(double ns_per_tick) const {
  std::vector<Exchange> list;
  list.reserve(requests_);
  for (const auto& record : all()) {
    const auto ticks = static_cast<double>(record.taken_at - record.submitted_at);
    list.push_back({.input = record.input,
                    .output = record.output,
                    .answered = record.answers > 0,
                    .status = record.status,
                    .length = record.length,
                    .result = record.result,
                    .ns = static_cast<std::uint64_t>(ticks * ns_per_tick)});
  }
  return list;
}

}  // namespace bellwire::kvm
