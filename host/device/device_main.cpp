// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_main.hpp"

#include <algorithm>
#include <filesystem>

#include "host/device/command.hpp"
#include "host/device/replay_command.hpp"
#include "vdev/log/log.hpp"

namespace bellwire {
namespace {

std::string program_name(int argc, char** argv) {
  return argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "device";
}

constexpr std::string_view replay_word = "replay";

Result<void> check_names(const std::vector<DeviceEntry>& devices) {
  if (devices.empty())
    return fault(std::errc::invalid_argument, "this program was given no device to run");
  if (std::ranges::find(devices, replay_word, name_of) != devices.end())
    return fault(std::errc::invalid_argument,
                 "this program has a device 'replay', as its command is called; rename it");
  for (auto device = devices.begin(); device != devices.end(); ++device)
    if (std::find_if(std::next(device), devices.end(), [&](const DeviceEntry& other) {
          return name_of(other) == name_of(*device);
        }) != devices.end())
      return fault(std::errc::invalid_argument, "this program has two devices '{}'; rename one",
                   name_of(*device));
  return {};
}

std::string summary(const std::string& program, const std::vector<DeviceEntry>& devices) {
  if (devices.size() > 1) return program + ": virtual devices, run on a transport";
  return text("{}: {}", program, summary_of(devices.front()));
}

constexpr const char* exit_statuses = R"(
What --record has kept is replayed by the command `replay`: give it in place of all options.

Exit status: 0 done, or ended by a signal; 1 something failed, or output could not be written;
2 wrong usage.)";

}  // namespace

int device_main(int argc, char** argv, const std::vector<DeviceEntry>& devices,
                const std::function<void(CLI::App& command)>& own) {
  if (auto good = check_names(devices); !good) {
    log::say(good.error().message);
    return host::exit_usage;
  }
  const auto name = program_name(argc, argv);
  const auto sentence = summary(name, devices);
  const bool replays = argc > 1 && argv[1] == replay_word;
  const auto add = [&](CLI::App& command, host::Run& run) {
    if (replays)
      host::add_replay_command(command, devices, run);
    else
      host::add_device_command(command, devices, run);
    if (own) own(command);
  };
  if (!replays)
    return host::run_command({name.c_str(), sentence.c_str(), exit_statuses}, add, argc, argv);
  const auto line = text("{} {}", name, replay_word);
  std::vector<char*> words(argv + 1, argv + argc);
  words.push_back(nullptr);
  return host::run_command({line.c_str(), sentence.c_str(), ""}, add, argc - 1, words.data());
}

}  // namespace bellwire
