// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/command.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "host/cli/stop_on_signal.hpp"
#include "host/device/device_run.hpp"
#include "host/device/guest_run.hpp"
#include "host/device/step_front.hpp"
#include "host/device/transports.hpp"
#include "host/device/vhost_user_service.hpp"
#include "host/device/virtio_run.hpp"
#include "vdev/devices/request_device.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/pci/observe/observation.hpp"
#include "vdev/transport/card/card.hpp"

namespace bellwire::host {
namespace {

// The most that serving a function takes, with its socket and a client: as a card takes, and one
// per interrupt, beside what an observation has.
unsigned descriptors(pci::Function& function, Tracing& tracing, bool observed) {
  const auto each = 1 + (observed ? pci::Observation::descriptors_each : 0);
  return card::descriptors({.queues = 0}) + (function.interrupts().vectors() + 1) * each +
         tracing.descriptors_to_come();
}

// For an observation that only lets faults happen.
struct Unobserved final : pci::Observer {
  void saw(const pci::Event&, std::span<const std::byte>) noexcept override {}
};

// A function that is recorded has a context of its own. Its journal begins here: whether it can be
// recorded is known only once it is there.
Result<void> run_function(boost::asio::io_context& context, const FunctionEntry& entry,
                          const DeviceOptions& options, Tracing& tracing, DeviceJournal& journal) {
  const auto& on = options.on.front();
  boost::asio::io_context own(one_thread);
  const auto function = entry.create(options.record ? own : context);
  if (options.record) {
    if (auto seen = replay::FunctionJournal::check(*function); !seen)
      return fault(std::errc::invalid_argument, "--record: {}: {}", entry.name,
                   seen.error().message);
    auto begun = DeviceJournal::create(options, entry);
    if (!begun) return begun.error();
    journal = std::move(*begun);
  }
  Unobserved nobody;
  std::vector<pci::Observer*> observers;
  if (tracing.observer() != nullptr) observers.push_back(tracing.observer());
  const auto recorder = journal.observer();
  if (recorder) observers.push_back(recorder.get());
  if (observers.empty() && options.faults) observers.push_back(&nobody);
  const bool observed = !observers.empty();
  if (auto enough = os::ensure_more_fds(descriptors(*function, tracing, observed)); !enough)
    return enough;
  std::optional<pci::Observation> observation;
  if (observed) observation.emplace(context, *function, std::move(observers), options.faults);
  const auto server = serve_function(context, *function, on);
  if (!server) return server.error();
  log::info("{} is served on {}", entry.name, on);
  if (recorder)
    replay::run_recorded(context, own, *recorder);
  else
    context.run();
  return {};
}

Result<TraceFacts> facts_of(const DeviceOptions& options) {
  const auto& on = options.on.front();
  TraceFacts facts{.transport = on.substr(0, on.find(':')),
                   .device = options.name,
                   .accelerator = accelerator_of(on)};
  for (const auto& words : options.facts) {
    const auto fact = parse_fact(words);
    if (!fact) return fact.error();
    if (auto added = add_fact(facts, *fact); !added) return added.error();
  }
  return facts;
}

bool chooses(const DeviceOptions& options, FaultAction action) {
  return options.faults &&
         std::ranges::any_of(options.faults->plan().rules,
                             [action](const FaultRule& rule) { return rule.action == action; });
}

// A whole PCI device has no completions, and a virtqueue no words of ours.
Result<void> check_completions(const DeviceOptions& options, const DeviceEntry& device) {
  const auto& on = options.on.front();
  if (!options.faults || !options.faults->plan().touches(FaultWire::completion)) return {};
  if (std::holds_alternative<FunctionEntry>(device))
    return fault(std::errc::invalid_argument,
                 "--fault, a completion: {} has neither a ring nor a virtqueue: choose its "
                 "interrupts, as drop interrupt 5 does",
                 options.name);
  const bool ring = std::holds_alternative<RingEntry>(device) && !on_virtqueues(on);
  if (ring || !chooses(options, FaultAction::scramble)) return {};
  return fault(std::errc::invalid_argument,
               "--fault, scramble completion: {} has no ring of ours on '{}': of a virtqueue's "
               "completions, choose drop, double, stall, misroute, corrupt or crash",
               options.name, on);
}

// Options that mean nothing for a whole PCI device.
Result<void> refuse_ring_options(const DeviceOptions& options) {
  const auto refuse = [&](const char* option, const char* why) {
    return fault(std::errc::invalid_argument, "{}: {} {}", option, options.name, why);
  };
  if (options.poll.polling != Polling::off) return refuse("--poll", "has no ring to poll");
  if (options.moderate.count() > 0) return refuse("--moderate", "raises its interrupts itself");
  if (options.faults && options.faults->plan().touches(FaultWire::doorbell))
    return refuse("--fault, --drop doorbell",
                  "has registers in place of doorbells: choose its interrupts, as --drop "
                  "interrupt=N does");
  if (chooses(options, FaultAction::swap))
    return refuse(
        "--fault, swap interrupt",
        "has its interrupts' eventfds from its client alone: choose a device with queues");
  return {};
}

Result<void> refuse_steps(const DeviceOptions& options, const std::string& why) {
  return fault(std::errc::invalid_argument, "--step: {} {}", options.name, why);
}

// One ring is enough for a person.
void hold_guest(GuestPlan& plan, const StepOptions& step) {
  plan.steps = step.stepper;
  if (step.wanted() && plan.requests == GuestPlan().requests) plan.requests = 1;
}

// Slow motion is for requests that are answered at once, in a ring of ours, by a device that
// sleeps.
Result<void> check_steps(const DeviceOptions& options, const DeviceEntry& device) {
  if (!options.step.wanted()) return {};
  if (!std::holds_alternative<RingEntry>(device) || on_virtqueues(options.on.front()))
    return refuse_steps(options, text("has no ring of ours on '{}'; choose echo or digest, on "
                                      "in-process, ivshmem or vfio-user",
                                      options.on.front()));
  if (options.poll.polling != Polling::off)
    return refuse_steps(options, "would poll, and not wait for a doorbell; leave out --poll");
  if (options.faults && options.faults->plan().touches(FaultWire::completion))
    return refuse_steps(options, "holds each completion; choose faults of doorbells or interrupts");
  if (options.step.by == "control" && options.tracing.control.empty())
    return refuse_steps(options, "needs --control SOCKET for --step=control");
  if (options.step.by == "control" && options.step.every)
    return refuse_steps(options, "goes on at requests with --step=control; leave out --every");
  return {};
}

// Runs a ring device where it has an attachment. Whatever a guest or a peer does ends an attachment
// at most, never this function.
Result<void> run_attached(boost::asio::io_context& context, const RingEntry& entry,
                          const DeviceOptions& options, Tracing& tracing,
                          const DeviceJournal& journal, int stop) {
  if (!options.virtio_given.empty())
    return fault(std::errc::invalid_argument, "{}: {} has no such option on {}",
                 options.virtio_given.front(), options.name, options.on.front());
  const auto device = entry.create(context);
  if (options.step.wanted() && dynamic_cast<const RequestDevice*>(device.get()) == nullptr)
    return refuse_steps(options, "completes its requests later; choose one that answers at once");
  GuestPlan plan;
  const auto transport = create_transport(
      context, options.on.front(), plan,
      {.per_wire = DeviceRun::descriptors_each(options), .others = tracing.descriptors_to_come()},
      stop);
  if (!transport && transport.error().code == std::errc::operation_canceled) return {};
  if (!transport) return transport.error();
  if (options.poll.cpu)
    if (auto pinned = os::pin_thread(*options.poll.cpu); !pinned) return pinned;
  hold_guest(plan, options.step);
  DeviceRun run(context, *device, options, tracing, journal);
  const auto served = (*transport)->serve(device->registers(), run.runs());
  if (!served) return served.error();
  std::optional<StepFront> front;
  if (options.step.by == "keys") front.emplace(context, options.step.stepper, options.step.every);
  auto* const guest = (*transport)->guest();
  if (guest == nullptr)
    context.run();
  else if (auto ran = run_with_guest(context, *guest, plan, entry); !ran)
    return ran;
  return run.result();
}

Result<void> run_ring_device(boost::asio::io_context& context, const RingEntry& entry,
                             const DeviceOptions& options, Tracing& tracing,
                             const DeviceJournal& journal, int stop) {
  if (!on_virtqueues(options.on.front()))
    return run_attached(context, entry, options, tracing, journal, stop);
  if (!entry.on_virtqueues)
    return fault(std::errc::invalid_argument,
                 "--on '{}': {} is neither a RequestDevice nor an AsyncRequestDevice, and only "
                 "those run on virtqueues",
                 options.on.front(), entry.name);
  return run_virtio(context, *entry.on_virtqueues, options, tracing, journal);
}

Result<void> run_entry(boost::asio::io_context& context, const DeviceEntry& device,
                       const DeviceOptions& options, Tracing& tracing, DeviceJournal& journal,
                       int stop) {
  if (const auto* const virtio = std::get_if<VirtioEntry>(&device))
    return run_virtio(context, *virtio, options, tracing, journal);
  if (const auto* const function = std::get_if<FunctionEntry>(&device))
    return run_function(context, *function, options, tracing, journal);
  return run_ring_device(context, std::get<RingEntry>(device), options, tracing, journal, stop);
}

Result<void> print_capabilities(const DeviceOptions& options) {
  const auto capabilities = vhost_user_capabilities(options.name);
  if (!capabilities) return capabilities.error();
  std::cout << *capabilities << '\n';
  return {};
}

// Each would be written over by the other.
Result<void> check_files(const DeviceOptions& options) {
  std::error_code error;
  const auto real = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(path, error);
  };
  const auto& trace = options.tracing.file;
  if (!trace || !options.record || real(*trace) != real(*options.record)) return {};
  return fault(std::errc::invalid_argument,
               "--trace and --record both name '{}'; choose another file for one of them", *trace);
}

// ENODATA: nothing went wrong that was to. A device that never ran says nothing of it.
Result<void> finish_faults(const DeviceOptions& options, bool ran) {
  if (!options.faults) return {};
  auto injected = options.faults->check();
  if (options.faults->rules() == 0 || (!ran && !injected)) return {};
  log::flush(std::chrono::seconds(1));  // so that the counts of lines left out come before
  log::warning("faults injected: {}", options.faults->report());
  return injected;
}

// A whole PCI device has registers in place of doorbells.
void open_faults(DeviceOptions& options, bool function) {
  if (!options.allow_faults) return;
  if (!options.faults) options.faults = std::make_shared<FaultTally>(FaultPlan());
  std::vector<FaultWire> wires{FaultWire::interrupt};
  if (!function) wires.insert(wires.begin(), FaultWire::doorbell);
  options.faults->open(std::move(wires));
}

Result<void> run_device(DeviceOptions options, std::span<const DeviceEntry> devices) {
  const auto& device = *std::ranges::find(devices, options.name, name_of);
  if (auto placed = check_place(options, device); !placed) return placed;
  if (options.print_capabilities) return print_capabilities(options);
  if (auto checked = check_faults(options); !checked) return checked;
  if (std::holds_alternative<FunctionEntry>(device))
    if (auto refused = refuse_ring_options(options); !refused) return refused;
  if (auto checked = check_completions(options, device); !checked) return checked;
  if (auto checked = check_steps(options, device); !checked) return checked;
  if (auto checked = check_files(options); !checked) return checked;
  const bool function = std::holds_alternative<FunctionEntry>(device);
  open_faults(options, function);
  if (auto given = give_to_groups(options); !given) return given;
  if (auto entered = enter_sandbox(options.sandboxing, needs_of(options)); !entered) return entered;
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  if (options.faults) options.faults->end_stalls_by(stop.fd());
  const auto facts = facts_of(options);
  if (!facts) return facts.error();
  Tracing tracing(options.tracing, *facts, options.faults, options.step.stepper);
  if (auto started = tracing.start(function); !started) return started;
  auto journal =
      function ? Result<DeviceJournal>(DeviceJournal()) : DeviceJournal::create(options, device);
  if (!journal) return journal.error();
  const auto ran = run_entry(context, device, options, tracing, *journal, stop.fd());
  const auto injected = finish_faults(options, ran.has_value());
  const auto finished = tracing.finish();
  const auto recorded = journal->finish();
  return !ran ? ran : !finished ? finished : !recorded ? recorded : injected;
}

template <class Kind>
std::string list_of(std::span<const DeviceEntry> devices, std::string_view heading) {
  std::string list;
  for (const auto& device : devices)
    if (std::holds_alternative<Kind>(device))
      list += text("  {:<10}{}\n", name_of(device), summary_of(device));
  return list.empty() ? list : text("\n{}\n{}", heading, list);
}

std::string list_of_transports(std::span<const DeviceEntry> devices) {
  std::string list = "\nTransports:\n";
  for (const auto& transport : transports())
    if (std::ranges::any_of(devices, [&](const auto& device) { return runs(transport, device); }))
      list += text("  {}\n            {}\n", transport.syntax, transport.summary);
  return list;
}

// The state of a PCI function is its own.
std::string describe(std::span<const DeviceEntry> devices) {
  std::string page;
  if (devices.size() > 1)
    page = list_of<RingEntry>(devices, "Ring devices, for our module, or on virtqueues:") +
           list_of<FunctionEntry>(devices, "Whole PCI devices, for vfio-user:PATH only:") +
           list_of<VirtioEntry>(devices, "Virtio devices, for stock drivers:");
  page += list_of_transports(devices);
  if (!has_queues(devices)) return page;
  return page +
         "\nA device that is killed loses nothing: start it again, and it continues where it "
         "stopped.";
}

}  // namespace

void add_device_command(CLI::App& command, std::span<const DeviceEntry> devices, Run& run,
                        Sandboxing sandboxing) {
  command.footer(describe(devices));
  auto options = std::make_shared<DeviceOptions>();
  options->sandboxing = sandboxing;
  add_device_options(command, devices, *options);
  command.callback(
      [&run, options, devices] { run = [=] { return run_device(*options, devices); }; });
}

}  // namespace bellwire::host
