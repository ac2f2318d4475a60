// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/duel.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/machine/model/soft_machine.hpp"

using namespace bellwire;
using rules::Duel;

namespace {

// With a sanitizer an operation takes many times as long; clang names ASan only as a feature.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BELLWIRE_WITH_ASAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t usual_operations = 5'000;
#elif defined(BELLWIRE_WITH_ASAN)
constexpr std::uint64_t usual_operations = 20'000;
#else
constexpr std::uint64_t usual_operations = 100'000;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 0) : otherwise;
}

// Until they differ; says how, with the seed that shows it again.
void fight(const machine::MachineFactory& one, const machine::MachineFactory& other,
           std::uint64_t seed, std::uint64_t operations) {
  const bool verbose = std::getenv("BELLWIRE_VERBOSE") != nullptr;
  Duel duel(one, other, seed);
  std::uint64_t done = 0;
  for (; done < operations; ++done) {
    const auto difference = duel.step();
    if (verbose) MESSAGE(duel.last());
    if (difference.empty()) continue;
    FAIL("after ", done, " operations, BELLWIRE_SEED=", seed, ": ", difference);
  }
  CHECK(done > 0);
}

}  // namespace

TEST_CASE("the model gives the same answers twice") {
  fight(machine::SoftMachine::create, machine::SoftMachine::create, 1, 5000);
}

TEST_CASE("model and kernel give the same answers to random operations") {
  if (const auto machine = kvm::KvmMachine::create({}); !machine) {
    MESSAGE("not tried: ", machine.error().message);
    return;
  }
  fight(machine::SoftMachine::create, kvm::KvmMachine::create,
        from_environment("BELLWIRE_SEED", std::random_device{}()),
        from_environment("BELLWIRE_OPERATIONS", usual_operations));
}
