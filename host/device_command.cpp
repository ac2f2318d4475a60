// SPDX-License-Identifier: BSD-3-Clause
#include <CLI/CLI.hpp>

#include "host/commands.hpp"
#include "host/transports.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/devices/catalog.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::host {
namespace {

int run_device(const std::string& name, const std::string& on) {
  const auto device = create_device(name);
  boost::asio::io_context context(1);
  const auto transport = create_transport(context, on);
  if (!transport) return fail(transport.error());
  auto attachment = (*transport)->attach();
  if (!attachment) return fail(attachment.error());
  const auto runner = Runner::start(context, *device, std::move(*attachment));
  if (!runner) return fail(runner.error());
  log::info("{} runs on {}", name, on);
  return serve(context);
}

std::vector<std::string> device_names() {
  std::vector<std::string> names;
  for (const auto& entry : catalog()) names.emplace_back(entry.name);
  return names;
}

std::string footer() {
  std::string page = "\nDevices:\n";
  for (const auto& entry : catalog()) page += text("  {:<10}{}\n", entry.name, entry.summary);
  page += "\nTransports:\n";
  for (const auto& entry : transports())
    page += text("  {}\n            {}\n", entry.syntax, entry.summary);
  return page +
         "\nA device that is killed loses nothing: start it again, and it goes on where it was.";
}

}  // namespace

void add_device(CLI::App& app, std::function<int()>& run) {
  auto* command = app.add_subcommand("device", "Run a device on a transport");
  command->footer(footer());
  auto name = std::make_shared<std::string>();
  auto on = std::make_shared<std::string>();
  command->add_option("NAME", *name, "Which device")
      ->required()
      ->check(CLI::IsMember(device_names()));
  command->add_option("--on", *on, "Where: TRANSPORT:…, see below")->required()->type_name("WHERE");
  command->callback([&run, name, on] { run = [name, on] { return run_device(*name, *on); }; });
}

}  // namespace bellwire::host
