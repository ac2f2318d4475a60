// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire explore` and `bellwire simulate`: executables of their own, since what they run is
// compiled for them (vdev/explore, vdev/simulate). They lie beside this program, or in ../libexec.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <vector>

#include "host/cli/subcommands.hpp"

namespace bellwire::host {
namespace {

Result<void> start(const std::string& part, std::vector<std::string> words) {
  const auto program = "bellwire-" + part;
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  words.insert(words.begin(), "bellwire " + part);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  for (const auto& place : {folder / program, folder.parent_path() / "libexec" / program})
    execv(place.c_str(), arguments.data());
  return fault(std::errc::no_such_file_or_directory,
               "{} is neither in {} nor in ../libexec: build or install it with this program",
               program, folder.string());
}

void add_part(CLI::App& app, Run& run, const std::string& part, const std::string& summary) {
  auto* command = app.add_subcommand(part, summary);
  command->fallthrough(false);  // all words are the other program's
  command->prefix_command();
  command->set_help_flag();
  command->callback([&run, command, part] {
    run = [part, words = command->remaining()] { return start(part, words); };
  });
}

}  // namespace

void add_explore(CLI::App& app, Run& run) {
  add_part(app, run, "explore", "Run both sides of a queue in every order");
}

void add_simulate(CLI::App& app, Run& run) {
  add_part(app, run, "simulate", "Run devices, guests and faults on a clock of its own");
}

}  // namespace bellwire::host
