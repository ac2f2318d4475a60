// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/command.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "host/output/json_text.hpp"
#include "host/output/output_file.hpp"
#include "host/trace/view/diff.hpp"
#include "host/trace/view/page.hpp"
#include "host/trace/view/perfetto.hpp"
#include "host/trace/view/show.hpp"

namespace bellwire::view {
namespace {

using Run = std::function<Result<void>()>;

struct Loaded {
  Trace trace;
  Figures figures;
};

Result<Loaded> load(const std::string& path) {
  auto trace = read(path);
  if (!trace) return trace.error();
  auto figures = figures_of(*trace, path);
  if (!figures) return figures.error();
  return Loaded{std::move(*trace), std::move(*figures)};
}

struct ShowOptions {
  std::string path;
  std::size_t slowest = 5;
  bool json = false;
};

Result<void> run_show(const ShowOptions& options) {
  const auto loaded = load(options.path);
  if (!loaded) return loaded.error();
  const auto& [trace, figures] = *loaded;
  if (options.json)
    std::cout << host::json_text(to_json(trace, figures, options.slowest)) << '\n';
  else
    show(std::cout, standard_output(), trace, figures, options.slowest);
  return {};
}

void add_show(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("show", "Where the time went, hop by hop");
  command->footer(
      "\nThe way from a stage to the next that a request came by is a hop. Percentiles are times\n"
      "that were measured: the least that so many requests don't exceed. Shares are of the time "
      "of\n"
      "all requests together.");
  auto options = std::make_shared<ShowOptions>();
  command->add_option("FILE", options->path, "The trace")->required();
  command
      ->add_option("--slowest", options->slowest, "So many of the slowest requests, step by step")
      ->check(CLI::Range(0, 10'000))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--json", options->json, "As {total, hops, slowest, depth, …}, in nanoseconds");
  command->callback([&run, options] { run = [options] { return run_show(*options); }; });
}

struct DiffOptions {
  std::string before, after;
  bool json = false;
};

Result<void> run_diff(const DiffOptions& options) {
  const auto before = load(options.before);
  if (!before) return before.error();
  const auto after = load(options.after);
  if (!after) return after.error();
  const auto changed = changes(before->figures, after->figures);
  const auto told = differences(before->trace, after->trace);
  if (options.json) {
    std::cout << host::json_text(to_json(changed, told)) << '\n';
    return {};
  }
  show(std::cout, standard_output(), changed);
  for (const auto& difference : told) std::cerr << "bellwire: warning: " << difference << '\n';
  return {};
}

void add_diff(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("diff", "Two traces, hop by hop");
  command->footer(
      "\nWhat else differs between the two, machine or transport, is told as warnings.");
  auto options = std::make_shared<DiffOptions>();
  command->add_option("A", options->before, "A trace")->required();
  command->add_option("B", options->after, "One to compare with it")->required();
  command->add_flag("--json", options->json, "As {differences, hops}, in nanoseconds");
  command->callback([&run, options] { run = [options] { return run_diff(*options); }; });
}

struct Export {
  std::string path;
  std::optional<std::string> perfetto, html;
};

struct Target {
  const std::optional<std::string>& path;
  void (*write)(std::ostream&, const Trace&, const Figures&);
};

// All or none: what was written before the first that fails is dropped.
Result<void> run_export(const Export& options) {
  if (!options.perfetto && !options.html)
    return fault(std::errc::invalid_argument,
                 "trace export: say what to write: --perfetto or --html");
  const auto loaded = load(options.path);
  if (!loaded) return loaded.error();
  std::vector<host::OutputFile> files;
  for (const auto& [path, write] :
       {Target{options.perfetto, write_perfetto}, Target{options.html, write_page}}) {
    if (!path) continue;
    auto file = host::OutputFile::create(*path);
    if (!file) return file.error();
    write(file->stream(), loaded->trace, loaded->figures);
    if (auto written = file->flush(); !written) return written;
    files.push_back(std::move(*file));
  }
  for (auto& file : files)
    if (auto done = file.commit(); !done) return done;
  return {};
}

void add_export(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("export", "A trace for other programs to show");
  auto options = std::make_shared<Export>();
  command->add_option("FILE", options->path, "The trace")->required();
  command
      ->add_option("--perfetto", options->perfetto,
                   "Write Chrome's trace events there, which Perfetto opens; compressed, if the "
                   "name ends in .gz")
      ->type_name("OUT");
  command->add_option("--html", options->html, "Write one page there, which opens offline")
      ->type_name("OUT");
  command->callback([&run, options] { run = [options] { return run_export(*options); }; });
}

}  // namespace

void add_commands(CLI::App& trace, Run& run) {
  add_show(trace, run);
  add_diff(trace, run);
  add_export(trace, run);
}

}  // namespace bellwire::view
