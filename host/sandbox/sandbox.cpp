// SPDX-License-Identifier: BSD-3-Clause
#include "host/sandbox/sandbox.hpp"

#include <CLI/CLI.hpp>
#include <map>

#include "vdev/log/log.hpp"

namespace bellwire::host {
namespace {

Error required(const Error& error) {
  return {error.code, text("--sandbox require: {}; --sandbox auto goes on without", error.message)};
}

}  // namespace

// Nothing is logged before both are done: the log's thread would be outside.
Result<void> enter_sandbox(Sandboxing how, const SandboxNeeds& needs) {
  if (how == Sandboxing::off || (how == Sandboxing::automatic && instrumented)) return {};
  const auto apart = enter_namespaces(needs);
  if (!apart && how == Sandboxing::require) return required(apart.error());
  const auto filtered = filter_system_calls(needs);
  if (!filtered && how == Sandboxing::require) return required(filtered.error());
  if (!apart) log::log(log::Level::debug, "sandbox: {}", apart.error().message);
  if (!filtered) log::log(log::Level::debug, "sandbox: {}", filtered.error().message);
  return {};
}

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
