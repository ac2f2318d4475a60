// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "host/cli/help.hpp"
#include "host/cli/options.hpp"
#include "host/cli/socket_group.hpp"
#include "host/device/transports.hpp"
#include "vdev/steps/pace.hpp"

namespace bellwire::host {
namespace {

// The number behind `prefix` in `word`, if that is all that `word` is.
template <class Number>
std::optional<Number> number_after(std::string_view prefix, const std::string& word) {
  if (!word.starts_with(prefix)) return std::nullopt;
  Number number = 0;
  const auto* const end = word.data() + word.size();
  const auto [parsed, error] = std::from_chars(word.data() + prefix.size(), end, number);
  return error == std::errc() && parsed == end ? std::optional(number) : std::nullopt;
}

// off, adaptive, always or always=CPU.
Result<PollOptions> parse_polling(const std::string& how) {
  constexpr std::pair<std::string_view, Polling> modes[] = {
      {"off", Polling::off}, {"adaptive", Polling::adaptive}, {"always", Polling::always}};
  for (const auto& [name, polling] : modes)
    if (how == name) return PollOptions{.polling = polling, .cpu = {}};
  if (const auto cpu = number_after<unsigned>("always=", how))
    return PollOptions{.polling = Polling::always, .cpu = cpu};
  return fault(std::errc::invalid_argument,
               "'{}': choose off, adaptive, always, or always=N to stay on CPU N", how);
}

// doorbell=N or interrupt=N, from 1 on.
Result<FaultPlan> parse_drop(const std::string& what) {
  for (const std::string_view wire : {"doorbell", "interrupt"})
    if (const auto number = number_after<std::uint64_t>(text("{}=", wire), what);
        number && *number > 0)
      return FaultPlan::parse(text("drop {} {}", wire, *number));
  return fault(std::errc::invalid_argument, "'{}': choose doorbell=N or interrupt=N, from 1 on",
               what);
}

// An option whose text `parse` reads into `target`; a refusal is a usage error.
template <class Value, class Target>
CLI::Option* add_parsed(CLI::App& command, const char* name, Target& target,
                        Result<Value> (*parse)(const std::string&), const std::string& help) {
  const auto read = [name, &target, parse](const std::string& word) {
    auto value = parse(word);
    if (!value) throw CLI::ValidationError(name, value.error().message);
    target = std::move(*value);
  };
  return command.add_option_function<std::string>(name, read, help);
}

std::vector<std::string> names_of(std::span<const DeviceEntry> devices) {
  std::vector<std::string> names;
  for (const auto& device : devices) names.emplace_back(name_of(device));
  return names;
}

// How it is as a virtio device; null: it can't be one.
const VirtioEntry* virtio_of(const DeviceEntry& device) {
  if (const auto* const ring = std::get_if<RingEntry>(&device))
    return ring->on_virtqueues ? &*ring->on_virtqueues : nullptr;
  return std::get_if<VirtioEntry>(&device);
}

bool has_option(const DeviceEntry& device, std::string_view name) {
  const auto* const virtio = virtio_of(device);
  return virtio != nullptr && std::ranges::find(virtio->options, name) != virtio->options.end();
}

// What management tools give to the back-ends that they start.
void add_vhost_user_options(CLI::App& command, DeviceOptions& options, CLI::Option* on) {
  auto* const path = command.add_option_function<std::string>(
      "--socket-path",
      [&options](const std::string& socket) { options.on = {"vhost-user:" + socket}; },
      "The same as --on vhost-user:PATH");
  path->type_name("PATH");
  auto* const fd = command.add_option_function<unsigned>(
      "--fd", [&options](unsigned number) { options.on = {text("vhost-user:fd={}", number)}; },
      "The same as --on vhost-user:fd=N");
  fd->type_name("N");
  fd->excludes(path)->excludes(on);
  path->excludes(on);
  for (auto* const option : {path, fd,
                             command.add_flag("--print-capabilities", options.print_capabilities,
                                              "Print what the device can do, as JSON, and end")})
    option->group("Back-ends of vhost-user");
}

// Those of virtio devices that one of these has. Which of them were given is checked against what
// the chosen device has.
void add_virtio_options(CLI::App& command, std::span<const DeviceEntry> devices,
                        DeviceOptions& options) {
  auto& chosen = options.virtio;
  CLI::Option* const all[] = {
      command
          .add_option("--file,--blk-file", chosen.file,
                      "blk: the disk is this file or block device; after SIGUSR1, blk looks "
                      "whether it has grown")
          ->type_name("FILE"),
      command.add_option("--size", chosen.size, "blk: the disk is so much memory, such as 64M")
          ->transform(CLI::AsSizeValue(false))
          ->type_name("BYTES"),
      command.add_flag("--null", chosen.null,
                       "blk: with --size, a disk that keeps nothing, to measure all but the disk"),
      command.add_flag("--read-only", chosen.read_only, "blk: the driver can't write"),
      command.add_option("--serial", chosen.serial, "blk: the disk's serial number")
          ->type_name("TEXT"),
      command
          .add_option("--queues", chosen.queues,
                      "blk, and ring devices on virtqueues: how many queues")
          ->check(between(1, 64))
          ->type_name("N"),
      command
          .add_option("--tap", chosen.tap,
                      "net: this tap interface is a port as well; one that is not there is made")
          ->type_name("INTERFACE"),
      command.add_option("--mac", chosen.mac, "net: the first port's address; the others follow")
          ->type_name("ADDRESS"),
      command.add_option("--mtu", chosen.mtu, "net: bytes in a frame, beside its header")
          ->check(between(68, 65535))
          ->type_name("BYTES")
          ->capture_default_str(),
  };
  for (auto* const option : all) {
    const auto name = option->get_name();
    if (std::ranges::none_of(devices, [&](const auto& each) { return has_option(each, name); }))
      command.remove_option(option);
    else
      option->group("Virtio devices")->each([&options, name](const std::string&) {
        options.virtio_given.push_back(name);
      });
  }
}

void add_name(CLI::App& command, std::span<const DeviceEntry> devices, DeviceOptions& options) {
  if (devices.size() == 1)
    options.name = name_of(devices.front());
  else
    command.add_option("NAME", options.name, "The device")
        ->required()
        ->check(CLI::IsMember(names_of(devices)));
}

void add_tracing_options(CLI::App& command, DeviceOptions& options) {
  add_file(command, "--trace", options.tracing.file,
           "Record every request, or what happens to a whole PCI device, from start to end, and "
           "write the trace to FILE");
  command
      .add_option("--control", options.tracing.control,
                  "Serve a control socket, for `bellwire trace record` and `bellwire top`")
      ->type_name("SOCKET");
  add_group(command, "--control-group", options.control_group, "The control socket belongs");
  add_facts(command, options.facts);
}

void add_record_options(CLI::App& command, DeviceOptions& options) {
  command
      .add_option("--record", options.record,
                  "Keep all that crosses between driver and device in FILE, for `replay` "
                  "(docs/replay.md)")
      ->type_name("FILE");
  command
      .add_option("--record-limit", options.record_limit,
                  "The recording ends at so many bytes, such as 64M")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(replay::JournalWriter::least_limit, replay::JournalWriter::most_limit))
      ->type_name("BYTES")
      ->default_str("1G");
}

// How its doorbells and interrupts are handled.
void add_wire_options(CLI::App& command, DeviceOptions& options) {
  add_parsed(command, "--poll", options.poll, parse_polling,
             "Look for work before sleeping: off, adaptive (for as long as that pays), always, "
             "always=CPU (bound to that CPU)")
      ->type_name("HOW")
      ->default_str("off");
  command
      .add_option_function<unsigned>(
          "--moderate",
          [&options](unsigned us) { options.moderate = std::chrono::microseconds(us); },
          "Least time between two interrupts of a queue; those in between become one")
      ->check(between(0, 1'000'000))
      ->type_name("MICROSECONDS")
      ->default_str("0");
}

// Adds to what other options gave.
void add_plan(DeviceOptions& options, const char* name, const Result<FaultPlan>& given) {
  if (!given) throw CLI::ValidationError(name, given.error().message);
  auto plan = options.faults ? options.faults->plan() : FaultPlan();
  if (auto added = plan.add(*given); !added)
    throw CLI::ValidationError(name, added.error().message);
  options.faults = std::make_shared<FaultTally>(std::move(plan));
}

void add_steps(CLI::App& command, DeviceOptions& options) {
  auto& step = options.step;
  auto* const by =
      command
          .add_flag("--step{keys}", step.by,
                    "Slow motion: hold each request before each hop, show where it is, and go on "
                    "at a key; with --step=control, at a request to the control socket")
          ->check(CLI::IsMember({"keys", "control"}));
  by->each([&step](const std::string&) { step.stepper = std::make_shared<steps::Stepper>(); });
  add_parsed(command, "--every", step.every, steps::parse_every,
             "With --step: wait this long at each stop, such as 1s; needs no key")
      ->type_name("TIME")
      ->needs(by);
}

void add_faults(CLI::App& command, DeviceOptions& options) {
  command
      .add_option_function<std::vector<std::string>>(
          "--fault",
          [&options](const std::vector<std::string>& plans) {
            for (const auto& plan : plans) add_plan(options, "--fault", FaultPlan::parse(plan));
          },
          "What goes wrong on purpose with doorbells and interrupts, as in 'drop interrupt "
          "1/1000; delay doorbell 50us..2ms; seed 42' (docs/faults.md); repeatable")
      ->type_name("PLAN")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option_function<std::string>(
          "--drop",
          [&options](const std::string& what) { add_plan(options, "--drop", parse_drop(what)); },
          "Lose the Nth doorbell (doorbell=N) or the Nth interrupt (interrupt=N): short for "
          "--fault 'drop doorbell N'")
      ->type_name("WHAT");
  command.add_flag("--allow-faults", options.allow_faults,
                   "Let clients of the control socket lose doorbells and interrupts, as the "
                   "buttons of `bellwire live --allow-faults` do; each signal then costs a little "
                   "more");
}

}  // namespace

bool has_queues(std::span<const DeviceEntry> devices) {
  return std::ranges::any_of(devices, [](const DeviceEntry& device) {
    return !std::holds_alternative<FunctionEntry>(device);
  });
}

void add_device_options(CLI::App& command, std::span<const DeviceEntry> devices,
                        DeviceOptions& options) {
  add_name(command, devices, options);
  const bool ports = std::ranges::any_of(devices, [](const DeviceEntry& device) {
    const auto* const virtio = virtio_of(device);
    return virtio != nullptr && virtio->ports;
  });
  auto* const on =
      command
          .add_option("--on", options.on,
                      ports ? "The transport, see below; net takes several, each a port"
                            : "The transport, see below")
          ->type_name("TRANSPORT:WHERE")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_group(command, "--group", options.group, "A socket that --on serves belongs");
  if (has_queues(devices)) add_wire_options(command, options);
  add_faults(command, options);
  if (has_queues(devices)) add_steps(command, options);
  add_tracing_options(command, options);
  add_record_options(command, options);
  add_virtio_options(command, devices, options);
  add_sandbox(command, options.sandboxing);
  if (std::ranges::any_of(devices, virtio_of)) add_vhost_user_options(command, options, on);
}

Result<void> give_to_groups(const DeviceOptions& options) {
  std::vector<std::string> sockets, control;
  for (const auto& on : options.on)
    if (auto socket = served_socket_of(on)) sockets.push_back(std::move(*socket));
  if (!options.tracing.control.empty()) control.push_back(options.tracing.control);
  if (auto given = give_to_group("--group", options.group, sockets); !given) return given;
  return give_to_group("--control-group", options.control_group, control);
}

SandboxNeeds needs_of(const DeviceOptions& options) {
  SandboxNeeds needs{.network = options.virtio.tap.has_value()};
  for (const auto& on : options.on) {
    if (auto socket = socket_of(on)) needs.made.push_back(std::move(*socket));
    needs.kvm = needs.kvm || accelerator_of(on) == "KVM";
  }
  if (!options.tracing.control.empty()) needs.made.push_back(options.tracing.control);
  for (const auto& file : {options.tracing.file, options.record})
    if (file) needs.made.push_back(*file);
  if (options.virtio.file) needs.opened.push_back(*options.virtio.file);
  return needs;
}

Result<void> check_faults(const DeviceOptions& options) {
  if (options.allow_faults && options.tracing.control.empty())
    return fault(std::errc::invalid_argument,
                 "--allow-faults: nobody could ask for one: add --control SOCKET");
  if (options.allow_faults || !options.faults || !options.faults->plan().empty()) return {};
  return fault(std::errc::invalid_argument,
               "--fault: there is a seed, and no rule: add one such as drop interrupt 1/1000");
}

Result<void> check_place(const DeviceOptions& options, const DeviceEntry& device) {
  if (options.print_capabilities) return {};
  if (options.on.empty())
    return fault(std::errc::invalid_argument,
                 "--on is required: say where {} runs, --on TRANSPORT:WHERE", options.name);
  const auto* const virtio = std::get_if<VirtioEntry>(&device);
  const auto most = virtio != nullptr && virtio->ports ? most_places : 1;
  if (options.on.size() <= most) return {};
  return fault(std::errc::invalid_argument, "--on is given {} times: {} runs at {} at most",
               options.on.size(), options.name, most == 1 ? "one place" : text("{} places", most));
}

}  // namespace bellwire::host
