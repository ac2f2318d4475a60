// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire live`: a page in the browser that shows running devices and their wires. One thread
// serves it; each device is asked by a thread of its own.
#include <CLI/CLI.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cmath>
#include <iostream>
#include <set>

#include "host/cli/help.hpp"
#include "host/cli/stop_on_signal.hpp"
#include "host/cli/subcommands.hpp"
#include "host/live/sampler.hpp"
#include "host/live/server.hpp"
#include "host/output/standard_output.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;

struct LiveOptions {
  std::vector<std::string> sockets;  // control sockets of devices
  std::uint16_t port = 0;
  double interval = 0.1;  // seconds
};

// Fewer than what each page can be sent, and than a person can look at.
constexpr std::size_t most_devices = 64;

Result<void> run_live(const LiveOptions& options) {
  asio::io_context context(1);  // the samplers' threads only post to it
  const StopOnSignal stop(context);
  const auto served = live::Server::create(context, options.port);
  if (!served) return served.error();
  auto& server = **served;
  for (const auto& socket : options.sockets)  // a wrong path is an error now, and not on the page
    if (const auto status = ask_status(socket, stop.fd()); !status)
      return status.error().code == std::errc::operation_canceled ? Result<void>() : status.error();
  std::cout << text("{} shows {} device{}, sampled each {:g} s\n", server.url(),
                    options.sockets.size(), options.sockets.size() == 1 ? "" : "s",
                    options.interval)
            << std::flush;
  if (output_lost()) return {};
  const std::chrono::nanoseconds interval(std::llround(options.interval * 1e9));
  std::vector<std::unique_ptr<live::Sampler>> samplers;
  for (const auto& socket : options.sockets)
    samplers.push_back(std::make_unique<live::Sampler>(
        socket, interval, [&context, &server, socket](std::string sample) {
          asio::post(context, [&server, socket, sample = std::move(sample)] {
            server.publish(socket, sample);
          });
        }));
  context.run();
  return {};
}

}  // namespace

void add_live(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("live", "Show running devices and their wires in a browser");
  command->footer(R"(
Prints the address of the page. It is served on this machine alone, to whoever has the token in that
address; it shows, and changes nothing. Counts are exact; what happens between two samples is counted
and not seen.)");
  auto options = std::make_shared<LiveOptions>();
  command
      ->add_option("SOCKET", options->sockets,
                   "Control sockets of devices (bellwire device --control)")
      ->required()
      ->expected(1, static_cast<int>(most_devices));
  command->add_option("--port", options->port, "Port of the page; 0: one that is free")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--interval", options->interval, "Seconds between two samples")
      ->check(between(0.02, 60.0))
      ->type_name("S")
      ->capture_default_str();
  command->callback([&run, options] { run = [options] { return run_live(*options); }; });
}

}  // namespace bellwire::host
