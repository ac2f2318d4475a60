// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire live`: a page in the browser that shows running devices and their wires, and plays
// recorded traces. One thread serves it; each device is asked by a thread of its own.
#include <CLI/CLI.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>

#include "host/cli/help.hpp"
#include "host/cli/stop_on_signal.hpp"
#include "host/cli/subcommands.hpp"
#include "host/live/page_request.hpp"
#include "host/live/replay.hpp"
#include "host/live/sampler.hpp"
#include "host/live/server.hpp"
#include "host/output/json_text.hpp"
#include "host/output/standard_output.hpp"
#include "host/sandbox/sandbox.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;

struct LiveOptions {
  std::vector<std::string> paths;  // control sockets of devices, and traces
  std::uint16_t port = 0;
  double interval = 0.1;  // seconds
  bool allow_faults = false;
  Sandboxing sandboxing = Sandboxing::automatic;
};

// Fewer than what each page can be sent, and than a person can look at.
constexpr std::size_t most_paths = 64;

// What is not there may become a socket: whoever asks it says so.
bool is_trace(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  return std::filesystem::exists(status) && !std::filesystem::is_socket(status);
}

// Of a message; samples have the socket itself, and traces "trace FILE".
std::string answer_key(const std::string& socket) {
  return "answer " + socket;
}

// The devices of the page, by their sockets. One thread, but for what the samplers' threads post.
class Devices {
 public:
  Devices(asio::io_context& context, live::Server& server) : context_(context), server_(server) {}

  void add(const std::string& socket, std::chrono::nanoseconds interval) {
    samplers_.try_emplace(
        socket,
        std::make_unique<live::Sampler>(socket, interval, [this, socket](std::string sample) {
          asio::post(context_, [this, socket, sample = std::move(sample)] {
            server_.publish(socket, sample);
          });
        }));
  }

  // What a page asks; the device answers when it can.
  void ask(const std::string& text, const live::Answer& answer) {
    const auto request = live::parse_page_request(text);
    if (!request) return answer(answer_key(""), live::answer_text("", request.error()));
    const auto& socket = request->socket;
    if (auto passed_on = pass_on(*request, answer); !passed_on)
      answer(answer_key(socket), live::answer_text(socket, passed_on));
  }

 private:
  Result<void> pass_on(const live::PageRequest& request, const live::Answer& answer) {
    const auto found = samplers_.find(request.socket);
    if (found == samplers_.end())
      return fault(std::errc::invalid_argument, "this page has no device at '{}'", request.socket);
    return found->second->ask(
        request.device, [this, socket = request.socket, answer](const Result<void>& done) {
          asio::post(context_, [socket, answer, text = live::answer_text(socket, done)] {
            answer(answer_key(socket), text);
          });
        });
  }

  asio::io_context& context_;
  live::Server& server_;
  std::map<std::string, std::unique_ptr<live::Sampler>> samplers_;
};

// What a page without rights asks is refused by the server, whatever the page shows.
void refuse(const live::Answer& answer) {
  answer(answer_key(""), live::answer_text("", fault(std::errc::operation_not_permitted,
                                                     "this page only shows: start bellwire live "
                                                     "with --allow-faults")));
}

// A wrong path is an error now, and not on the page.
Result<void> check_devices(const std::vector<std::string>& sockets, int stop) {
  for (const auto& socket : sockets)
    if (const auto status = ask_status(socket, stop); !status) return status.error();
  return {};
}

Result<void> add_traces(live::Server& server, const std::vector<std::string>& traces) {
  for (const auto& path : traces) {
    const auto trace = view::read_any(path);
    if (!trace) return trace.error();
    server.greet("trace " + path, live::replay_text(path, *trace));
  }
  return {};
}

std::string plural(std::size_t count, std::string_view what) {
  return text("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string shown(const LiveOptions& options, std::size_t devices, std::size_t traces) {
  const auto sampled = text("{}, sampled each {:g} s", plural(devices, "device"), options.interval);
  return text("{}{}{}", devices > 0 ? sampled : "", devices > 0 && traces > 0 ? ", and " : "",
              traces > 0 ? plural(traces, "trace") : "");
}

Result<void> run_live(const LiveOptions& options) {
  asio::io_context context(1);  // the samplers' threads only post to it
  const StopOnSignal stop(context);
  const auto served = live::Server::create(context, options.port);
  if (!served) return served.error();
  auto& server = **served;
  std::vector<std::string> traces, sockets;
  for (const auto& path : options.paths) (is_trace(path) ? traces : sockets).push_back(path);
  // The port is open by now, and stays in the network in which it was opened.
  if (auto entered = enter_sandbox(options.sandboxing, {.made = sockets, .opened = traces});
      !entered)
    return entered;
  if (auto good = check_devices(sockets, stop.fd()); !good)
    return good.error().code == std::errc::operation_canceled ? Result<void>() : good;
  if (auto added = add_traces(server, traces); !added) return added;
  server.greet("page", json_text(boost::json::object{{"page",
                                                      {{"faults", options.allow_faults},
                                                       {"devices", sockets.size()},
                                                       {"interval", options.interval}}}}));
  std::cout << text("{} shows {}\n", server.url(), shown(options, sockets.size(), traces.size()))
            << std::flush;
  if (output_lost()) return {};
  Devices devices(context, server);
  server.take_requests([&](const std::string& text, const live::Answer& answer) {
    options.allow_faults ? devices.ask(text, answer) : refuse(answer);
  });
  for (const auto& socket : sockets)
    devices.add(socket, std::chrono::nanoseconds(std::llround(options.interval * 1e9)));
  context.run();
  return {};
}

}  // namespace

void add_live(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("live", "Show running devices, or traces, and their wires in a browser");
  command->footer(R"(
Prints the address of the page. It is served on this machine alone, to whoever has the token in that
address; it shows, and changes nothing, unless --allow-faults lets it lose doorbells and interrupts of devices
that were started with --allow-faults, too. Counts are exact; what happens between two samples is
counted and not seen. A trace is played record by record.)");
  auto options = std::make_shared<LiveOptions>();
  command
      ->add_option("SOCKET|FILE", options->paths,
                   "Control sockets of devices (bellwire device --control), and recorded traces "
                   "(--trace, bellwire trace record)")
      ->required()
      ->expected(1, static_cast<int>(most_paths));
  command->add_option("--port", options->port, "Port of the page; 0: one that is free")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--interval", options->interval, "Seconds between two samples")
      ->check(between(0.02, 60.0))
      ->type_name("S")
      ->capture_default_str();
  command->add_flag("--allow-faults", options->allow_faults,
                    "Let the page lose doorbells and interrupts on purpose");
  add_sandbox(*command, options->sandboxing);
  command->callback([&run, options] { run = [options] { return run_live(*options); }; });
}

}  // namespace bellwire::host
