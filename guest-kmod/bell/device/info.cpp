// SPDX-License-Identifier: BSD-3-Clause
//
// bell info: lists the device files, and which device is behind each.
#include "guest-kmod/bell/commands.hpp"

#include <chrono>
#include <thread>

#include "guest-kmod/bell/device/device_file.hpp"
#include "guest-kmod/bell/output.hpp"
#include "vdev/os/text.hpp"

namespace bell {
namespace {

using bellwire::TextTable;

// Long enough for a device that was rung to beat.
constexpr auto beats = std::chrono::milliseconds(3 * BELLWIRE_BEAT_MS);

const char* state_of(const bellwire_info& before, const bellwire_info& now) {
  if (now.state == BELLWIRE_DEVICE_ABSENT) return "absent";
  if (now.state == BELLWIRE_DEVICE_STOPPED) return "stopped";
  if (now.state == BELLWIRE_DEVICE_DIED) return "gone";
  return before.beat == now.beat ? "paused" : "alive";
}

TextTable make_table() {
  using enum TextTable::Align;
  return TextTable({{"file", left, 14},
                    {"device", left, 10},
                    {"state", left, 8},
                    {"starts", right, 7},
                    {"queues"},
                    {"free"},
                    {"entries"},
                    {"guest's peer", right},
                    {"device's peer", right}});
}

}  // namespace

Result<bool> run_info() {
  const auto paths = device_files();
  if (paths.empty())
    return bellwire::fault(std::errc::no_such_device,
                           "no /dev/bellwireN; is the module loaded, and does this VM have an "
                           "ivshmem-doorbell device or a card? dmesg says what the module found");
  const auto table = make_table();
  print("{}", table.heading());
  for (const auto& path : paths) {
    const auto file = DeviceFile::open(path);
    if (!file) return file.error();
    const auto before = file->info();
    if (!before) return before.error();
    file->ring();  // a device that runs then beats
    std::this_thread::sleep_for(beats);
    const auto info = file->info();
    if (!info) return info.error();
    const auto kind = kind_of(*info);
    print("{}", table.line({path, kind.empty() ? "-" : kind, state_of(*before, *info),
                            std::to_string(info->incarnation), std::to_string(info->queues),
                            std::to_string(info->queues_free), std::to_string(info->ring_entries),
                            std::to_string(info->peer), std::to_string(info->device_peer)}));
  }
  return true;
}

}  // namespace bell
