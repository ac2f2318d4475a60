// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire conform vhost-user`: holds whatever back-end serves a socket against the specification.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "host/cli/help.hpp"
#include "host/cli/options.hpp"
#include "host/cli/stop_on_signal.hpp"
#include "host/cli/subcommands.hpp"
#include "host/conform/command.hpp"
#include "host/conform/report.hpp"
#include "host/conform/selection.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host {
namespace conform {
namespace {

struct ConformOptions {
  std::string socket;
  std::optional<std::string> start, resize;
  std::string peer;
  std::vector<std::string> only;
  std::string dialect = "qemu-8";
  std::string device;
  double deadline = 5;
  std::optional<std::string> json, junit;
  bool list = false;
};

const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> kinds = {
      {"blk", Kind::blk}, {"rng", Kind::rng}, {"net", Kind::net}};
  return kinds;
}

std::vector<std::string> dialect_names() {
  std::vector<std::string> names;
  for (const auto& dialect : vhost_user::dialects()) names.emplace_back(dialect.name);
  return names;
}

constexpr std::chrono::seconds resize_limit{20};

Result<std::vector<std::string>> resize_words(const std::string& command, const std::string& socket,
                                              pid_t process) {
  const Placeholder placeholders[] = {{"{pid}", std::to_string(process)}, {"{socket}", socket}};
  return split_command("--resize", command, placeholders);
}

// `failure`: why it could not be run once, which is the user's mistake and not the back-end's.
std::function<Result<void>(pid_t)> resizer(const ConformOptions& options, int stop,
                                           std::optional<Error>& failure) {
  return [command = *options.resize, socket = options.socket, stop,
          &failure](pid_t process) -> Result<void> {
    const auto words = resize_words(command, socket, process);
    if (!words) return words.error();
    auto done = run_command(*words, resize_limit, stop);
    if (!done) failure = Error{done.error().code, "--resize: " + done.error().message};
    return done;
  };
}

Settings settings_of(const ConformOptions& options, int stop, std::optional<Error>& failure) {
  Settings settings{.socket = options.socket,
                    .dialect = vhost_user::dialect_of(options.dialect),
                    .kind = std::nullopt,
                    .patience = {}};
  if (!options.device.empty()) settings.kind = kinds().at(options.device);
  settings.patience.limit = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(options.deadline));
  settings.patience.stop = stop;
  settings.peer = options.peer;
  if (options.resize) settings.change_config = resizer(options, stop, failure);
  return settings;
}

Result<std::unique_ptr<BackEnd>> back_end_of(const ConformOptions& options, int stop) {
  if (!options.start) {
    if (const auto there = os::connect_unix(options.socket, ""); !there)
      return Error{there.error().code, there.error().message +
                                           "; start the back-end first, or let the suite do it, by "
                                           "--start"};
    return std::unique_ptr<BackEnd>(std::make_unique<ForeignBackEnd>());
  }
  auto started = StartedBackEnd::create(*options.start, options.socket, options.peer, stop);
  if (!started) return started.error();
  if (auto running = (*started)->start(); !running) return running.error();
  return std::unique_ptr<BackEnd>(std::move(*started));
}

// Both files or none, and only of a run that came to its end.
Result<void> write_files(std::optional<OutputFile>& json, std::optional<OutputFile>& junit,
                         const Settings& settings, const Findings& findings) {
  if (json) write_json(json->stream(), settings, findings);
  if (junit) write_junit(junit->stream(), findings);
  for (auto* const file : {&json, &junit})
    if (*file)
      if (auto flushed = (*file)->flush(); !flushed) return flushed;
  for (auto* const file : {&json, &junit})
    if (*file)
      if (auto done = (*file)->commit(); !done) return done;
  return {};
}

Result<void> check(const ConformOptions& options) {
  if (options.resize)
    if (const auto words = resize_words(*options.resize, options.socket, 0); !words)
      return words.error();
  if (options.peer == options.socket)
    return fault(std::errc::invalid_argument,
                 "'{}' is the SOCKET, too; --peer names another port of the same back-end",
                 options.peer);
  if (options.json && options.junit && same_file(*options.json, *options.junit))
    return fault(std::errc::invalid_argument,
                 "'{}' is the file for --json, too; choose another file", *options.junit);
  return {};
}

Result<void> judge(const Settings& settings, const Findings& findings) {
  if (!findings.trouble.empty())
    return fault(std::errc::protocol_error,
                 "the back-end at '{}' could not be asked what it is: {}; is it stopped? does it "
                 "serve vhost-user?",
                 settings.socket, findings.trouble);
  const auto first = std::ranges::find(findings.verdicts, Outcome::fail, &Verdict::outcome);
  if (first == findings.verdicts.end()) return {};
  return fault(std::errc::protocol_error, "{} statement{}, first statement {}",
               findings.count(Outcome::fail),
               findings.count(Outcome::fail) == 1 ? " fails" : "s fail", first->statement->number);
}

// No verdict on the whole: whoever looks at the exit status must not take it for a pass.
Error interrupted(std::size_t tried, std::size_t all) {
  return fault(std::errc::operation_canceled,
               "interrupted after {} of {} statements; no file is written", tried, all);
}

Result<void> run_conform(const ConformOptions& options) {
  if (options.list) {
    std::cout << list_of_statements();
    return {};
  }
  if (options.socket.empty())
    return fault(std::errc::invalid_argument, "conform vhost-user: name the back-end's SOCKET");
  auto statements = options.only.empty() ? all_statements() : selected(options.only);
  if (!statements) return statements.error();
  if (auto apart = check(options); !apart) return apart;
  auto json = create_file(options.json);
  if (!json) return json.error();
  auto junit = create_file(options.junit);
  if (!junit) return junit.error();
  boost::asio::io_context context(1);
  const StopOnSignal stop(context);
  const auto stopped = [&stop] { return os::wait_readable(stop.fd(), {}); };
  std::optional<Error> resize_failure;
  const auto settings = settings_of(options, stop.fd(), resize_failure);
  const auto back_end = back_end_of(options, stop.fd());
  if (!back_end) return stopped() ? interrupted(0, statements->size()) : back_end.error();
  const bool quiet =
      (*json && (*json)->is_standard_output()) || (*junit && (*junit)->is_standard_output());
  auto& out = quiet ? std::cerr : std::cout;
  const auto findings =
      run_suite(settings, **back_end, *statements, stopped,
                [&out](const Verdict& verdict) { out << verdict_lines(verdict) << std::flush; });
  if (stopped()) return interrupted(findings.verdicts.size(), statements->size());
  out << '\n' << introduction(settings, findings) << summary(findings);
  if (auto written = write_files(*json, *junit, settings, findings); !written) return written;
  if (resize_failure) return *resize_failure;
  return judge(settings, findings);
}

void add_vhost_user(CLI::App& conform, Run& run) {
  auto* command = conform.add_subcommand(
      "vhost-user", "Try every statement about back-ends of vhost-user on one");
  command->footer(R"(
THE DISK OF THE BACK-END IS OVERWRITTEN. Each statement gets a verdict: pass, fail, n/a (with the
reason why it does not apply), untried (with the reason why it could not be tried). docs/vhost-user.md
has the table of statements. Exit status 1: a statement fails, the back-end can't be
reached, or the run is interrupted.

With --start, the suite starts the back-end, kills it at instants and starts it again:
  bellwire conform vhost-user /tmp/d.sock \
      --start "my-backend --socket-path={socket} --blk-file=d.img"

With --resize, changes of the configuration space are tried as well:
  --resize "sh -c 'truncate -s +1M d.img; kill -USR1 {pid}'")");
  auto options = std::make_shared<ConformOptions>();
  command->add_option("SOCKET", options->socket, "Where the back-end listens");
  command
      ->add_option("--start", options->start,
                   "Start the back-end by this; {socket} in it is SOCKET")
      ->type_name("COMMAND");
  command
      ->add_option("--resize", options->resize,
                   "What makes the back-end's disk another size each time; {pid} is its process")
      ->type_name("COMMAND");
  command
      ->add_option("--peer", options->peer,
                   "Where the same back-end serves another port; {peer} in --start")
      ->type_name("SOCKET");
  command->add_option("--only", options->only, "Try these statements alone, such as 1,5-9")
      ->delimiter(',')
      ->type_name("N,N-M,…");
  command->add_option("--dialect", options->dialect, "Whose order of messages to use")
      ->check(CLI::IsMember(dialect_names()))
      ->capture_default_str();
  command
      ->add_option("--device", options->device,
                   "What the device is; found out by default, if it is one of these")
      ->check(CLI::IsMember(kinds()));
  command->add_option("--deadline", options->deadline, "How long to wait for what must come")
      ->check(between(0.1, 600.0))
      ->type_name("S")
      ->capture_default_str();
  add_file(*command, "--json", options->json, "Write the verdicts as JSON");
  add_file(*command, "--junit", options->junit, "Write the verdicts as JUnit's XML");
  command->add_flag("--list", options->list, "List the statements, and try none");
  command->callback([&run, options] { run = [options] { return run_conform(*options); }; });
}

void add_all(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("conform", "Hold a program against a protocol's specification");
  command->require_subcommand(1);
  add_vhost_user(*command, run);
}

}  // namespace
}  // namespace conform

void add_conform(CLI::App& app, Run& run) {
  conform::add_all(app, run);
}

}  // namespace bellwire::host
