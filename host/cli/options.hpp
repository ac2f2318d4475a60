// SPDX-License-Identifier: BSD-3-Clause
//
// Options that several subcommands have, defined once so that they mean the same everywhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/output/output_file.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bellwire::host {

/// `name FILE`: a file to write, an OutputFile. `what` says what is written to it.
CLI::Option* add_file(CLI::App& command, const char* name, std::optional<std::string>& path,
                      const std::string& what);

/// The file that such an option names; empty if it was not given. Create it before the work: then
/// nothing is measured or recorded only to find that it can't be written.
[[nodiscard]] Result<std::optional<OutputFile>> create_file(const std::optional<std::string>& path);

/// `--json`: JSON on standard output instead of text. `shape` sketches it.
void add_json(CLI::App& command, bool& json, const std::string& shape);

/// `--fact NAME=TEXT`, repeatable: what a trace says of the machine (trace_file.hpp checks them).
void add_facts(CLI::App& command, std::vector<std::string>& facts);

}  // namespace bellwire::host
