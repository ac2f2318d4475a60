// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire rules`: tries each rule of docs/semantics.md on the software model and on this
// machine's kernel, and prints what both did.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "host/cli/options.hpp"
#include "host/cli/subcommands.hpp"
#include "host/cli/system.hpp"
#include "host/output/json_text.hpp"
#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/machine/rules/rule.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

// The script that boots the emulated host; scripts/bellwire sets it.
constexpr const char* boot_vm_variable = "BELLWIRE_BOOT_VM";

struct RulesOptions {
  std::vector<unsigned> numbers;  // of the rules to try; empty: all
  bool json = false;
  bool explain = false;
  bool nested = false;  // on the KVM of an emulated host
};

// What was observed for a rule.
struct Outcome {
  const rules::Rule& rule;
  rules::Observation model;
  std::optional<rules::Observation> kernel;  // empty: it could not be tried

  [[nodiscard]] bool agree() const {
    return kernel && (kernel->text() == model.text() || kernel->text() == rule.older);
  }
  [[nodiscard]] const char* verdict() const {
    return !kernel ? "not tried" : agree() ? "agree" : "DISAGREE";
  }
};

struct Outcomes {
  std::vector<Outcome> rules;
  std::string kernel;  // its release
  std::string no_kvm;  // why KVM can't be used; empty: it can
};

Outcomes try_rules(const std::vector<unsigned>& wanted) {
  Outcomes all{.rules = {}, .kernel = kernel_release(), .no_kvm = {}};
  if (const auto machine = kvm::KvmMachine::create({}); !machine)
    all.no_kvm = machine.error().message;
  const rules::World kernel{rules::make_kernel_event_file, kvm::KvmMachine::create};
  for (const auto& rule : rules::all()) {
    if (!wanted.empty() && std::ranges::find(wanted, rule.number) == wanted.end()) continue;
    Outcome outcome{rule, rules::observe(rule, rules::model_world()), std::nullopt};
    if (rule.subject == rules::Subject::eventfd || all.no_kvm.empty())
      outcome.kernel = rules::observe(rule, kernel);
    all.rules.push_back(std::move(outcome));
  }
  return all;
}

void print_json(const Outcomes& all) {
  boost::json::array rules;
  for (const auto& outcome : all.rules) {
    boost::json::object object{{"rule", outcome.rule.number},
                               {"text", outcome.rule.text},
                               {"model", outcome.model.text()}};
    object["kernel"] =
        outcome.kernel ? boost::json::value(outcome.kernel->text()) : boost::json::value();
    object["agree"] = outcome.kernel ? boost::json::value(outcome.agree()) : boost::json::value();
    rules.push_back(std::move(object));
  }
  std::cout << json_text(boost::json::object{{"kernel", all.kernel}, {"rules", std::move(rules)}})
            << '\n';
}

void add_rows(TextTable& table, const Outcome& outcome) {
  table.add(
      {std::to_string(outcome.rule.number), outcome.verdict(), std::string(outcome.rule.text)});
  const auto add = [&table](std::string_view side, std::string_view observed) {
    table.add({"", "", text("{:<9}{}", side, observed)});
  };
  const auto model = outcome.model.text();
  const auto kernel = outcome.kernel ? outcome.kernel->text() : "";
  if (kernel == model) return add("both", model);
  add("model", model);
  if (outcome.kernel) add("kernel", kernel);
}

// What was seen, step by step.
std::string steps_of(const Outcome& outcome, const std::string& kernel) {
  constexpr auto left = TextTable::Align::left;
  TextTable table({{"", left, 8}, {"step", left}, {"model", left}, {"Linux " + kernel, left}});
  const auto answers = outcome.model.steps();
  for (std::size_t index = 0; index < answers.size(); ++index) {
    const auto& [what, answer] = answers[index];
    std::string other = "not tried";
    if (outcome.kernel) {
      const auto seen = outcome.kernel->steps();
      other = index < seen.size() ? seen[index].answer : "";
    }
    table.add({"", what, answer, other});
  }
  return table.with_heading();
}

void print_explained(const Outcomes& all) {
  const TextTable words({{"", TextTable::Align::left, 8}, {"", TextTable::Align::left}});
  for (const auto& outcome : all.rules) {
    const auto& [number, tried, why, source] = rules::explanation_of(outcome.rule);
    std::cout << text("Rule {}: {}; {}\n", number, outcome.rule.text, outcome.verdict())
              << words.line({"  tried", std::string(tried)}) << steps_of(outcome, all.kernel)
              << words.line({"  why", std::string(why)})
              << words.line({"  source", std::string(source)}) << '\n';
  }
}

void print_text(const Outcomes& all) {
  TextTable table({{"", TextTable::Align::right, 4},
                   {"", TextTable::Align::left, 8},
                   {"", TextTable::Align::left}});
  for (const auto& outcome : all.rules) add_rows(table, outcome);
  std::cout << text("The rules of docs/semantics.md, on the model and on Linux {}\n\n", all.kernel)
            << table.text();
  const auto tried =
      std::ranges::count_if(all.rules, [](auto& outcome) { return outcome.kernel.has_value(); });
  const auto agree = std::ranges::count_if(all.rules, &Outcome::agree);
  std::cout << text("\n{} rules, {} tried on the kernel: {} agree, {} don't\n", all.rules.size(),
                    tried, agree, tried - agree);
}

Error run_nested(const RulesOptions& options) {
  const char* const boot_vm = std::getenv(boot_vm_variable);
  if (boot_vm == nullptr)
    return fault(std::errc::invalid_argument,
                 "--nested boots an emulated host, which the project's scripts do: run "
                 "'scripts/bellwire rules --nested'");
  std::vector<const char*> words{boot_vm, "--accel",  "nested", "--outer",
                                 "--",    "bellwire", "rules"};
  if (options.json) words.push_back("--json");
  if (options.explain) words.push_back("--explain");
  std::vector<std::string> numbers;
  for (const auto number : options.numbers) numbers.push_back(std::to_string(number));
  for (const auto& number : numbers) words.push_back(number.c_str());
  words.push_back(nullptr);
  ::execv(boot_vm, const_cast<char* const*>(words.data()));
  return system_fault("cannot run {}", boot_vm);
}

Result<void> run_rules(const RulesOptions& options) {
  if (options.nested) return run_nested(options);
  const auto all = try_rules(options.numbers);
  if (options.json)
    print_json(all);
  else if (options.explain)
    print_explained(all);
  else
    print_text(all);
  if (std::ranges::any_of(all.rules, [](const Outcome& outcome) { return !outcome.kernel; }))
    std::cerr << text(
        "bellwire: rules 9 and 15 to 40 were not tried on the kernel: {}; "
        "'scripts/bellwire rules --nested' tries them in an emulated host\n",
        all.no_kvm);
  const auto differs = [](const Outcome& outcome) { return outcome.kernel && !outcome.agree(); };
  if (const auto first = std::ranges::find_if(all.rules, differs); first != all.rules.end())
    return fault(std::errc::protocol_error, "model and kernel disagree, first on rule {}",
                 first->rule.number);
  return {};
}

std::string refuse_number(const std::string& word) {
  const auto is_it = [&word](const rules::Rule& rule) {
    return word == std::to_string(rule.number);
  };
  if (std::ranges::any_of(rules::all(), is_it)) return {};
  return text("'{}' is no rule that can be tried: choose of 1 to 6, 9 to 11 and 15 to 40", word);
}

}  // namespace

void add_rules(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "rules", "Hold the software model of ioeventfds and irqfds against this machine's kernel");
  command->footer(R"(
Tries each rule of docs/semantics.md that user space can observe, on the model and on the kernel.
Exit status 1: they disagree on a rule. Without KVM, the rules that need it are tried on the model
alone.)");
  auto options = std::make_shared<RulesOptions>();
  command->add_option("NUMBER", options->numbers, "The rules to try (default: all)")
      ->check(refuse_number)
      ->type_name("");
  auto* explain = command->add_flag("--explain", options->explain,
                                    "Say what was tried, step by step, why it is so, and where a "
                                    "specification or the kernel says it");
  add_json(*command, options->json, "{rules: [{rule, text, model, kernel, agree}]}");
  command->add_flag("--nested", options->nested,
                    "Use the KVM of an emulated host, for a machine that has none");
  explain->excludes(command->get_option("--json"));
  command->callback([&run, options] { run = [options] { return run_rules(*options); }; });
}

}  // namespace bellwire::host
