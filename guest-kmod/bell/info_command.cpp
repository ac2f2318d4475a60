// SPDX-License-Identifier: BSD-3-Clause
#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "guest-kmod/bell/commands.hpp"
#include "guest-kmod/bell/device_file.hpp"
#include "guest-kmod/bell/print.hpp"

namespace bell {
namespace {

constexpr auto beats = std::chrono::milliseconds(3 * BELLWIRE_BEAT_MS);

const char* state_of(const bellwire_info& before, const bellwire_info& now) {
  if (now.state == BELLWIRE_DEVICE_ABSENT) return "absent";
  if (now.state == BELLWIRE_DEVICE_STOPPED) return "stopped";
  return before.beat == now.beat ? "dead" : "alive";
}

int run_info() {
  const auto paths = device_files();
  if (paths.empty())
    return fail(bellwire::fault(std::errc::no_such_device,
                                "no /dev/bellwireN; is the module loaded, and a switchboard's "
                                "ivshmem-doorbell device in this VM?"));
  print("{:<16}{:<12}{:<10}{:>7}{:>8}{:>6}{:>9}{:>8}{:>8}\n", "file", "device", "state",
             "starts", "queues", "free", "entries", "peer", "device");
  for (const auto& path : paths) {
    const auto file = DeviceFile::open(path);
    if (!file) return fail(file.error());
    const auto before = file->info();
    if (!before) return fail(before.error());
    std::this_thread::sleep_for(beats);
    const auto info = file->info();
    if (!info) return fail(info.error());
    const auto kind = kind_of(*info);
    print("{:<16}{:<12}{:<10}{:>7}{:>8}{:>6}{:>9}{:>8}{:>8}\n", path,
               kind.empty() ? "-" : kind, state_of(*before, *info), info->incarnation,
               info->queues, info->queues_free, info->ring_entries, info->peer,
               info->device_peer);
  }
  return 0;
}

}  // namespace

void add_info(CLI::App& app, std::function<int()>& run) {
  auto* command = app.add_subcommand("info", "Show the device files and who is behind them");
  command->callback([&run] { run = run_info; });
}

}  // namespace bell
