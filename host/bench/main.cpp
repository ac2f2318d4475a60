// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire-bench: measures what wires cost, one subcommand per suite. Not installed; scripts/bench
// runs it. It replaces operator new in order to count allocations (machine.cpp), which the program
// `bellwire` does not do.
#include <CLI/CLI.hpp>

#include "host/bench/suites.hpp"
#include "host/cli/command_line.hpp"
#include "host/cli/help.hpp"
#include "host/cli/options.hpp"

namespace {

using namespace bellwire;

constexpr host::ProgramInfo bench_program = {
    .name = "bellwire-bench",
    .summary = "bellwire-bench: measures what wires cost, side by side in one run.",
    .footer = R"(
Exit status: 0 done; 1 something failed, or a limit was missed under --check; 2 wrong usage.)"};

void add_suite(CLI::App& app, const bench::Suite& suite, host::Run& run) {
  auto* command = app.add_subcommand(suite.name, suite.summary);
  command->footer(R"(
Rounds are interleaved, and cases are compared within a round. Beside each row is bare C that
does the same without bellwire. A ratio is the median of its rounds, with their quartiles: a
difference within them means nothing. A limit, the most that a ratio should be, comes last.)");
  auto options = std::make_shared<bench::Options>();
  command->add_option("--rounds", options->rounds, "Sample everything N times (1 to 1000)")
      ->check(host::between(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--skip", options->skip, "Leave out rows with TEXT in their name")
      ->type_name("TEXT");
  host::add_file(*command, "--json", options->json, "Write the figures to FILE, too");
  command->add_flag("--check", options->check, "Exit with status 1 if a limit is missed");
  command->callback(
      [&run, &suite, options] { run = [&suite, options] { return bench::run(suite, *options); }; });
}

void add_suites(CLI::App& app, host::Run& run) {
  for (const auto& suite : bench::suites()) add_suite(app, suite, run);
}

constexpr host::AddSubcommand subcommands[] = {add_suites};

}  // namespace

int main(int argc, char** argv) {
  return host::run_program(bench_program, subcommands, argc, argv);
}
