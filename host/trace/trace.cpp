// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire trace`: record/record.cpp records; show, diff and export, which read trace files, are
// here.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "host/cli/help.hpp"
#include "host/cli/options.hpp"
#include "host/cli/subcommands.hpp"
#include "host/output/json_text.hpp"
#include "host/trace/view/diff.hpp"
#include "host/trace/view/function_figures.hpp"
#include "host/trace/view/page.hpp"
#include "host/trace/view/perfetto.hpp"
#include "host/trace/view/show.hpp"

namespace bellwire::host {
namespace {

using view::Figures;
using view::Trace;

struct Loaded {
  Trace trace;
  Figures figures;
};

Result<Loaded> load(const std::string& path) {
  auto trace = view::read(path);
  if (!trace) return trace.error();
  auto figures = view::figures_of(*trace, path);
  if (!figures) return figures.error();
  return Loaded{std::move(*trace), std::move(*figures)};
}

struct ShowOptions {
  std::string path;
  std::size_t slowest = 5;
  bool json = false;
};

template <class Kind>
Result<void> show_kind(const Kind& trace, const ShowOptions& options) {
  const auto loaded = view::figures_of(trace, options.path);
  if (!loaded) return loaded.error();
  const auto& figures = *loaded;
  if (options.json)
    std::cout << json_text(to_json(trace, figures, options.slowest)) << '\n';
  else
    view::show(std::cout, view::standard_output(), trace, figures, options.slowest);
  return {};
}

Result<void> run_show(const ShowOptions& options) {
  const auto trace = view::read_any(options.path);
  if (!trace) return trace.error();
  return std::visit([&](const auto& kind) { return show_kind(kind, options); }, *trace);
}

void add_show(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("show", "Show where the time went, hop by hop");
  command->footer(R"(
A hop leads from one stage that a request passed to the next that it passed. Percentiles are
times that were measured, by nearest rank. Shares are of the time of all requests together. Of a
whole PCI device it shows each register, the DMA and the interrupts.)");
  auto options = std::make_shared<ShowOptions>();
  command->add_option("FILE", options->path, "The trace")->required();
  command->add_option("--slowest", options->slowest, "Show the N slowest requests step by step")
      ->check(between(0, 10'000))
      ->type_name("N")
      ->capture_default_str();
  add_json(*command, options->json, "{total, hops, slowest, depth, …}, in nanoseconds");
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
  const auto changes = view::changes(before->figures, after->figures);
  const auto differences = view::differences(before->trace, after->trace);
  if (options.json) {
    std::cout << json_text(to_json(changes, differences)) << '\n';
    return {};
  }
  view::show(std::cout, view::standard_output(), changes);
  for (const auto& difference : differences)
    std::cerr << "bellwire: warning: " << difference << '\n';
  return {};
}

void add_diff(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("diff", "Compare two traces, hop by hop");
  command->footer(
      "\nIf the two were recorded on different machines or transports, warnings name what "
      "differs.");
  auto options = std::make_shared<DiffOptions>();
  command->add_option("A", options->before, "The first trace")->required();
  command->add_option("B", options->after, "The trace to compare with it")->required();
  add_json(*command, options->json, "{differences, hops}, in nanoseconds");
  command->callback([&run, options] { run = [options] { return run_diff(*options); }; });
}

struct ExportOptions {
  std::string path;
  std::optional<std::string> perfetto, html;
};

struct Format {
  const std::optional<std::string>& path;
  std::function<void(std::ostream&)> write;
};

// What can be written of a trace of requests, or of a PCI device.
Result<std::vector<Format>> formats_of(const Trace& trace, const ExportOptions& options) {
  auto figures = view::figures_of(trace, options.path);
  if (!figures) return figures.error();
  const auto shared = std::make_shared<const Figures>(std::move(*figures));
  return std::vector<Format>{
      {options.perfetto, [=, &trace](auto& out) { view::write_perfetto(out, trace, *shared); }},
      {options.html, [=, &trace](auto& out) { view::write_page(out, trace, *shared); }}};
}

Result<std::vector<Format>> formats_of(const view::FunctionTrace& trace,
                                       const ExportOptions& options) {
  if (options.perfetto)
    return fault(std::errc::invalid_argument,
                 "--perfetto: trace '{}' is of a whole PCI device, which has no requests: use "
                 "--html",
                 options.path);
  auto figures = view::figures_of(trace, options.path);
  if (!figures) return figures.error();
  const auto shared = std::make_shared<const view::FunctionFigures>(std::move(*figures));
  return std::vector<Format>{
      {options.html, [=, &trace](auto& out) { view::write_page(out, trace, *shared); }}};
}

// One file would silently take the other's place, or the trace's.
Result<void> check_distinct(const ExportOptions& options) {
  const auto refuse = [](const std::string& path, const char* what) {
    return fault(std::errc::invalid_argument, "trace export: '{}' is {}; choose another file", path,
                 what);
  };
  if (options.perfetto && options.html && same_file(*options.perfetto, *options.html))
    return refuse(*options.html, "the file for --perfetto, too");
  for (const auto* const path : {&options.perfetto, &options.html})
    if (*path && same_file(**path, options.path)) return refuse(**path, "the trace itself");
  return {};
}

// All or none: what was written before the first file that fails is dropped.
Result<void> run_export(const ExportOptions& options) {
  if (!options.perfetto && !options.html)
    return fault(std::errc::invalid_argument,
                 "trace export: choose what to write: --perfetto or --html");
  if (auto distinct = check_distinct(options); !distinct) return distinct;
  const auto trace = view::read_any(options.path);
  if (!trace) return trace.error();
  const auto formats =
      std::visit([&](const auto& kind) { return formats_of(kind, options); }, *trace);
  if (!formats) return formats.error();
  std::vector<OutputFile> files;
  for (const auto& [path, write] : *formats) {
    auto file = create_file(path);
    if (!file) return file.error();
    if (!*file) continue;
    write((*file)->stream());
    if (auto written = (*file)->flush(); !written) return written;
    files.push_back(std::move(**file));
  }
  for (auto& file : files)
    if (auto done = file.commit(); !done) return done;
  return {};
}

void add_export(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("export", "Write a trace for other programs to show");
  auto options = std::make_shared<ExportOptions>();
  command->add_option("FILE", options->path, "The trace")->required();
  add_file(*command, "--perfetto", options->perfetto,
           "Write Chrome's trace events, which Perfetto opens");
  add_file(*command, "--html", options->html, "Write one page, which opens offline");
  command->callback([&run, options] { run = [options] { return run_export(*options); }; });
}

}  // namespace

void add_trace(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("trace", "Record requests hop by hop; show, compare and export traces");
  command->require_subcommand(1);
  add_record(*command, run);
  add_show(*command, run);
  add_diff(*command, run);
  add_export(*command, run);
}

}  // namespace bellwire::host
