// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end begins on a ring that is not new, as after a migration, takes two requests, and is
// killed before it has completed one. Its next process finds in the inflight region what it owes.
#include "vdev/transport/vhost_user/protocol/inflight.hpp"
#include "host/scenario/scenario.hpp"
#include "host/scenario/small_vm.hpp"

namespace bellwire::host {
namespace {

// What a back-end leaves that writes the counters only with its first completion.
void zero_counters(const vhost_user::FrontEnd::Inflight& region) {
  const auto mapping = os::Mapping::create(region.file.get(), region.shape.mmap_size).value();
  auto& header = *reinterpret_cast<vhost_user::SplitInflightHeader*>(mapping.data());
  header.used_idx = header.last_batch_head = 0;
}

unsigned noted_index(const vhost_user::FrontEnd::Inflight& region) {
  const auto mapping = os::Mapping::create(region.file.get(), region.shape.mmap_size).value();
  return reinterpret_cast<const vhost_user::SplitInflightHeader*>(mapping.data())->used_idx;
}

}  // namespace

std::optional<Finding> play_inflight(RunLog& run_log, bool defect) {
  constexpr std::uint16_t first = 5;
  SmallVm vm(run_log, {.first_index = first});
  vm.connect();
  vm.enable();
  vm.tell("VMM", text("the guest has migrated here: used index {}", vm.used()));
  vm.back_end().set_held(true);
  vm.submit();
  vm.submit();
  vm.tell("back-end", "takes both requests, and notes them in the inflight region");
  if (defect) {
    zero_counters(vm.front().inflight());
    vm.tell("back-end", "has never written the region's counters: DEFECT");
  }
  vm.tell("back-end", text("is killed: the region's used index is {}, the ring's {}",
                           noted_index(vm.front().inflight()), vm.used()));
  vm.kill_back_end();
  vm.connect();
  vm.enable();
  vm.tell("back-end",
          text("its next process serves what the region says: used index {}", vm.used()));
  vm.take_interrupt();
  return watch(vm.watched());
}

}  // namespace bellwire::host
