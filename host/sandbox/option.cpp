// SPDX-License-Identifier: BSD-3-Clause
#include "host/sandbox/option.hpp"

#include <CLI/CLI.hpp>
#include <map>

namespace bellwire::host {

void add_sandbox(CLI::App& command, Sandboxing& how) {
  static const std::map<std::string, Sandboxing> words{
      {"off", Sandboxing::off}, {"auto", Sandboxing::automatic}, {"require", Sandboxing::require}};
  command
      .add_option_function<std::string>(
          "--sandbox", [&how](const std::string& word) { how = words.at(word); },
          "Give up what it does not need before anybody connects: auto, as far as this system can; "
          "require, all of it, or fail; off (SECURITY.md)")
      ->check(CLI::IsMember(words))
      ->type_name("HOW")
      ->default_str(how == Sandboxing::off ? "off" : "auto");
}

}  // namespace bellwire::host
