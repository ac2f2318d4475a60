// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_main.hpp"

#include <algorithm>
#include <filesystem>

#include "host/device/command.hpp"
#include "vdev/log/log.hpp"

namespace bellwire {
namespace {

std::string program_name(int argc, char** argv) {
  return argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "device";
}

Result<void> check_names(const std::vector<DeviceEntry>& devices) {
  if (devices.empty())
    return fault(std::errc::invalid_argument, "this program was given no device to run");
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
  const auto add = [&](CLI::App& command, host::Run& run) {
    host::add_device_command(command, devices, run);
    if (own) own(command);
  };
  return host::run_command({name.c_str(), sentence.c_str(), exit_statuses}, add, argc, argv);
}

}  // namespace bellwire
