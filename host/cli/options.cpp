// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/options.hpp"

#include <CLI/CLI.hpp>

namespace bellwire::host {

CLI::Option* add_file(CLI::App& command, const char* name, std::optional<std::string>& path,
                      const std::string& what) {
  return command.add_option(name, path, what + "; compressed if its name ends in .gz")
      ->type_name("FILE");
}

Result<std::optional<OutputFile>> create_file(const std::optional<std::string>& path) {
  if (!path) return std::optional<OutputFile>();
  auto file = OutputFile::create(*path);
  if (!file) return file.error();
  return std::optional<OutputFile>(std::move(*file));
}

void add_json(CLI::App& command, bool& json, const std::string& shape) {
  command.add_flag("--json", json, "Print JSON: " + shape);
}

void add_facts(CLI::App& command, std::vector<std::string>& facts) {
  command
      .add_option("--fact", facts,
                  "A fact about the machine, for the trace: accelerator, qemu or guest_kernel")
      ->type_name("NAME=TEXT");
}

}  // namespace bellwire::host
