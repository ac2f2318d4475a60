// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire explore`: another executable, bellwire-explore, since what it explores is compiled with
// a call before each access (vdev/explore). It lies beside this program, or in ../libexec.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <vector>

#include "host/cli/subcommands.hpp"

namespace bellwire::host {
namespace {

constexpr const char* explorer = "bellwire-explore";

Result<void> start(std::vector<std::string> words) {
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  words.insert(words.begin(), "bellwire explore");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  for (const auto& place : {folder / explorer, folder.parent_path() / "libexec" / explorer})
    execv(place.c_str(), arguments.data());
  return fault(std::errc::no_such_file_or_directory,
               "{} is neither in {} nor in ../libexec: build or install it with this program",
               explorer, folder.string());
}

}  // namespace

void add_explore(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("explore", "Run both sides of a queue in every order");
  command->fallthrough(false);  // all words are the other program's
  command->prefix_command();
  command->set_help_flag();
  command->callback(
      [&run, command] { run = [words = command->remaining()] { return start(words); }; });
}

}  // namespace bellwire::host
