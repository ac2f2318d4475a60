// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/replay_command.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <optional>
#include <vector>

#include "host/cli/help.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/replay/function_replay.hpp"
#include "vdev/replay/journal_reader.hpp"
#include "vdev/replay/ring_replay.hpp"
#include "vdev/replay/virtio_replay.hpp"

namespace bellwire::host {
namespace {

struct ReplayOptions {
  std::string file;
  std::optional<std::string> device;   // in place of the recorded one
  std::optional<std::string> program;  // whose device it is
  std::optional<std::string> disk;     // a copy of the recorded one's file
  bool step = false;
  std::optional<std::uint64_t> stop_at;  // the request before which the debugger gets control
};

using Clock = std::chrono::steady_clock;

// SIGTRAP ends a process that nobody debugs.
bool debugged() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("TracerPid:")) return line.find_first_of("123456789") != line.npos;
  return false;
}

Result<void> check_replay_options(const ReplayOptions& options) {
  if (options.stop_at && !options.program && !debugged())
    return fault(std::errc::invalid_argument,
                 "--break {0}: no debugger is there to stop in; run gdb --args … --break {0}",
                 *options.stop_at);
  return {};
}

// Only returns if the program can't be run.
Error become_program(const ReplayOptions& options) {
  // A path, as --help says, and no name that is looked up in PATH.
  const bool named = options.program->find('/') == std::string::npos;
  const auto program = named ? "./" + *options.program : *options.program;
  std::vector<std::string> words = {program, "replay", options.file};
  if (options.device) words.insert(words.end(), {"--device", *options.device});
  if (options.disk) words.insert(words.end(), {"--file", *options.disk});
  if (options.step) words.emplace_back("--step");
  if (options.stop_at) words.insert(words.end(), {"--break", std::to_string(*options.stop_at)});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  return system_fault("cannot run '{}'", *options.program);
}

Result<const DeviceEntry*> device_of(const ReplayOptions& options,
                                     const replay::JournalReader& reader,
                                     std::span<const DeviceEntry> devices) {
  const auto name = options.device.value_or(std::string(reader.fact("device")));
  const auto found = std::ranges::find(devices, name, name_of);
  if (found != devices.end()) return &*found;
  std::string names;
  for (const auto& device : devices)
    names += (names.empty() ? "" : ", ") + std::string(name_of(device));
  return fault(std::errc::invalid_argument,
               "'{}' is of the device '{}', which is none of this program's: choose one by "
               "--device ({}), or its program by --program",
               options.file, escaped(name), names);
}

// A device with what plays to it.
struct Replayed {
  std::unique_ptr<Device> device;
  std::unique_ptr<pci::Function> function;
  VirtioDevices virtio;
  std::unique_ptr<replay::Player> player;
};

std::string_view kind_of(const DeviceEntry& entry) {
  if (std::holds_alternative<FunctionEntry>(entry)) return "a whole PCI device";
  if (std::holds_alternative<VirtioEntry>(entry)) return "a virtio device";
  return "a ring device";
}

Error cannot_replay(const DeviceEntry& entry, const replay::JournalReader& reader) {
  return fault(std::errc::invalid_argument,
               "{} can't be replayed: it is {}, and the recording is of a {} device",
               name_of(entry), kind_of(entry), escaped(reader.fact("kind")));
}

// On virtqueues. Null: it is not one.
const VirtioEntry* virtio_choice_of(const DeviceEntry& entry) {
  if (const auto* const virtio = std::get_if<VirtioEntry>(&entry)) return virtio;
  const auto* const ring = std::get_if<RingEntry>(&entry);
  return ring != nullptr && ring->on_virtqueues ? &*ring->on_virtqueues : nullptr;
}

// Empty: there is no such fact.
std::optional<std::uint64_t> number_of(const replay::JournalReader& reader, std::string_view name) {
  const auto words = reader.fact(name);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(words.data(), words.data() + words.size(), number);
  if (error != std::errc() || end != words.data() + words.size()) return std::nullopt;
  return number;
}

// As it was, but for the file: what is in that now is not what it was.
Result<VirtioOptions> options_of(const ReplayOptions& options, const VirtioEntry& entry,
                                 const replay::JournalReader& reader) {
  const auto has = [&](std::string_view name) {
    return std::ranges::find(entry.options, name) != entry.options.end();
  };
  VirtioOptions made{
      .file = options.disk,
      .size = options.disk ? std::nullopt : number_of(reader, "size"),
      .null = number_of(reader, "null") == 1,
      .read_only = number_of(reader, "read-only") == 1,
      .serial = std::string(reader.fact("serial")),
      .queues = static_cast<unsigned>(std::clamp<std::uint64_t>(
          number_of(reader, "queues").value_or(1), 1, replay::VirtioPlayer::most_queues))};
  if (options.disk && !has("--file"))
    return fault(std::errc::invalid_argument, "--file '{}': {} has no file; leave it out",
                 *options.disk, entry.name);
  if (has("--file") && !options.disk && !reader.fact("file").empty())
    return fault(std::errc::invalid_argument,
                 "'{}' is of a disk in a file, '{}': give a copy of that file as it was before the "
                 "recording by --file COPY; the replay writes to it",
                 options.file, escaped(reader.fact("file")));
  return made;
}

Result<Replayed> make_virtio_player(boost::asio::io_context& context, const ReplayOptions& options,
                                    const DeviceEntry& entry, const replay::JournalReader& reader) {
  const auto* const virtio = virtio_choice_of(entry);
  if (virtio == nullptr || virtio->ports) return cannot_replay(entry, reader);
  const auto chosen = options_of(options, *virtio, reader);
  if (!chosen) return chosen.error();
  auto devices = virtio->create(context, *chosen);
  if (!devices) return devices.error();
  Replayed made;
  made.virtio = std::move(*devices);
  auto player = replay::VirtioPlayer::create(
      context, *made.virtio.front(),
      virtio->random ? replay::Answers::by_chance : replay::Answers::determined);
  if (!player) return player.error();
  made.player = std::move(*player);
  return made;
}

Result<Replayed> make_player(boost::asio::io_context& context, const ReplayOptions& options,
                             const DeviceEntry& entry, const replay::JournalReader& reader,
                             replay::NextEntry next) {
  if (reader.fact("kind") == "virtio") return make_virtio_player(context, options, entry, reader);
  if (options.disk)
    return fault(std::errc::invalid_argument, "--file '{}': the recording is of no virtio device",
                 *options.disk);
  Replayed made;
  const auto* const ring = std::get_if<RingEntry>(&entry);
  const auto* const function = std::get_if<FunctionEntry>(&entry);
  if (reader.fact("kind") == "ring" && ring != nullptr && ring->on_virtqueues) {
    made.device = ring->create(context);
    made.player = std::make_unique<replay::RingPlayer>(context, *made.device);
  } else if (reader.fact("kind") == "function" && function != nullptr) {
    made.function = function->create(context);
    made.player =
        std::make_unique<replay::FunctionPlayer>(context, *made.function, std::move(next));
  } else {
    return cannot_replay(entry, reader);
  }
  return made;
}

// Shows each entry before it is played. At the end of the input it goes on without waiting.
class Stepper {
 public:
  explicit Stepper(const ReplayOptions& options) : options_(options) {}
  void use(const replay::Player& player) { player_ = &player; }

  void before(const replay::Entry& entry) {
    if (options_.step) show(entry);
    using Kind = replay::EntryKind;
    if (entry.kind != Kind::request && entry.kind != Kind::access && entry.kind != Kind::chain)
      return;
    if (options_.stop_at == player_->compared().requests + 1) (void)std::raise(SIGTRAP);
  }

 private:
  void show(const replay::Entry& entry) {
    if (first_ == 0) first_ = entry.ns;
    const auto ms = static_cast<double>(entry.ns - first_) / 1e6;
    std::cout << text("{:>8}  {:>12} ms  {}\n", entry.ordinal, text("{:.6f}", ms),
                      player_->describe(entry))
              << std::flush;
    std::string line;
    (void)std::getline(std::cin, line);
  }

  const ReplayOptions& options_;
  const replay::Player* player_ = nullptr;
  std::uint64_t first_ = 0;
};

void print(const replay::Difference& difference) {
  std::cout << text("{}: {} differs\n  recorded  {}\n  replayed  {}\n", difference.where,
                    difference.what, difference.recorded, difference.replayed);
}

// The journal's end, or what ended it early.
Result<void> play_all(const replay::NextEntry& next, replay::Player& player) {
  for (;;) {
    const auto entry = next();
    if (!entry) return entry.error();
    if (!*entry) return {};
    const auto difference = player.play(**entry);
    if (!difference) return difference.error();
    if (!*difference) continue;
    print(**difference);
    return fault(std::errc::result_out_of_range, "the device does not do what was recorded");
  }
}

Result<void> replay_file(const ReplayOptions& options, std::span<const DeviceEntry> devices) {
  if (auto good = check_replay_options(options); !good) return good;
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return system_fault("cannot read '{}'", options.file);
  auto reader = replay::JournalReader::create(file, options.file);
  if (!reader) return reader.error();
  if (options.program) return become_program(options);
  const auto device = device_of(options, *reader, devices);
  if (!device) return device.error();
  boost::asio::io_context context(one_thread);
  Stepper stepper(options);
  const replay::NextEntry next = [&] {
    auto entry = reader->next();
    if (entry && *entry) stepper.before(**entry);
    return entry;
  };
  const auto made = make_player(context, options, **device, *reader, next);
  if (!made) return made.error();
  stepper.use(*made->player);
  const auto began = Clock::now();
  const auto played = play_all(next, *made->player);
  const auto seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const bool differs = !played && played.error().code == std::errc::result_out_of_range;
  std::cout << text("{}: {} in {:.3f} s: {}\n", name_of(**device), made->player->summary(), seconds,
                    differs  ? "different"
                    : played ? "the same"
                             : "the same, as far as the recording goes")
            << std::flush;
  return played;
}

constexpr const char* replay_help = R"(
A recording is made by `bellwire device NAME … --record FILE`, or by the same option of a program of
one's own. The device gets what it got then, in the same order, and must answer the same.

Exit status: 0 it did; 1 it did not, or the recording is cut or damaged: what is whole of it is
replayed first; 2 wrong usage.

In a debugger, before request 5000:
  gdb --args bellwire replay FILE --break 5000)";

}  // namespace

void add_replay_command(CLI::App& command, std::span<const DeviceEntry> devices, Run& run) {
  command.footer(replay_help);
  auto options = std::make_shared<ReplayOptions>();
  command.add_option("FILE", options->file, "The recording")->required();
  auto* const device = command.add_option("--device", options->device,
                                          "Replay it to this device, not to the recorded one");
  device->type_name("NAME");
  command
      .add_option("--program", options->program,
                  "Replay it to a device of this program, which calls device_main()")
      ->type_name("PATH");
  command
      .add_option("--file", options->disk,
                  "A copy of the recorded disk's file, as it was before; it is written")
      ->type_name("COPY");
  command.add_flag("--step", options->step,
                   "Print each entry before it is replayed, and wait for Enter");
  command
      .add_option("--break", options->stop_at,
                  "Stop in the debugger before the Nth request, access or chain, from 1 on")
      ->check(above_zero())
      ->type_name("N");
  command.callback(
      [&run, options, devices] { run = [=] { return replay_file(*options, devices); }; });
}

}  // namespace bellwire::host
