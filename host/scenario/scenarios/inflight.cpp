// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end begins on a ring that is not new, as after a migration, takes two requests, and is
// killed before it has completed one. Its next process finds in the inflight region what it owes.
#include "vdev/transport/vhost_user/protocol/inflight.hpp"
#include "host/scenario/scenario.hpp"
#include "host/scenario/stand.hpp"

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

std::optional<Finding> play_inflight(Story& story, bool defect) {
  constexpr std::uint16_t first = 5;
  Stand stand(story, {.first_index = first});
  stand.connect();
  stand.enable();
  stand.tell("VMM", text("the guest has migrated here: used index {}", stand.used()));
  stand.back_end().set_held(true);
  stand.submit();
  stand.submit();
  stand.tell("back-end", "takes both requests, and notes them in the inflight region");
  if (defect) {
    zero_counters(stand.front().inflight());
    stand.tell("back-end", "has never written the region's counters: DEFECT");
  }
  stand.tell("back-end", text("is killed: the region's used index is {}, the ring's {}",
                              noted_index(stand.front().inflight()), stand.used()));
  stand.kill();
  stand.connect();
  stand.enable();
  stand.tell("back-end",
             text("its next process serves what the region says: used index {}", stand.used()));
  stand.take_interrupt();
  return judge(stand.court());
}

}  // namespace bellwire::host
