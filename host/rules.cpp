// SPDX-License-Identifier: BSD-3-Clause
#include "host/rules.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "host/output/json_text.hpp"
#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/machine/rules/rule.hpp"

namespace bellwire::host {
namespace {

// Set by scripts/bellwire: what boots the emulated host.
constexpr const char* boot_vm_variable = "BELLWIRE_BOOT_VM";

struct Row {
  const rules::Rule& rule;
  std::string model;
  std::optional<std::string> kernel;  // empty: it could not be tried

  [[nodiscard]] bool agree() const { return kernel && (*kernel == model || *kernel == rule.older); }
};

struct Table {
  std::vector<Row> rows;
  std::string kernel;   // its release
  std::string missing;  // why there are no machines; empty: there are
};

std::string release() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

Table try_all() {
  Table table{.rows = {}, .kernel = release(), .missing = {}};
  if (const auto machine = kvm::KvmMachine::create({}); !machine)
    table.missing = machine.error().message;
  const rules::World kernel{rules::make_kernel_event_file, kvm::KvmMachine::create};
  for (const auto& rule : rules::all()) {
    Row row{rule, rules::observe(rule, rules::model_world()), std::nullopt};
    if (rule.subject == rules::Subject::eventfd || table.missing.empty())
      row.kernel = rules::observe(rule, kernel);
    table.rows.push_back(std::move(row));
  }
  return table;
}

void print_json(const Table& table) {
  boost::json::array rows;
  for (const auto& row : table.rows) {
    boost::json::object object{
        {"rule", row.rule.number}, {"text", row.rule.text}, {"model", row.model}};
    object["kernel"] = row.kernel ? boost::json::value(*row.kernel) : boost::json::value();
    object["agree"] = row.kernel ? boost::json::value(row.agree()) : boost::json::value();
    rows.push_back(std::move(object));
  }
  std::cout << json_text(boost::json::object{{"kernel", table.kernel}, {"rules", std::move(rows)}})
            << '\n';
}

void print_row(const Row& row) {
  const auto* const verdict = !row.kernel ? "not tried" : row.agree() ? "agree" : "DISAGREE";
  std::cout << text("{:>4}  {:<10}{}\n", row.rule.number, verdict, row.rule.text);
  const auto tell = [](std::string_view who, std::string_view seen) {
    std::cout << text("{:16}{:<9}{}\n", "", who, seen);
  };
  if (row.kernel == row.model) {
    tell("both", row.model);
    return;
  }
  tell("model", row.model);
  if (row.kernel) tell("kernel", *row.kernel);
}

void print_table(const Table& table) {
  std::cout << text("The rules of docs/semantics.md, on the model and on Linux {}\n\n",
                    table.kernel);
  for (const auto& row : table.rows) print_row(row);
  const auto tried =
      std::ranges::count_if(table.rows, [](auto& row) { return row.kernel.has_value(); });
  const auto agree = std::ranges::count_if(table.rows, [](auto& row) { return row.agree(); });
  std::cout << text("\n{} rules, {} tried on the kernel: {} agree, {} don't\n", table.rows.size(),
                    tried, agree, tried - agree);
}

Error run_nested(bool json) {
  const char* const boot_vm = std::getenv(boot_vm_variable);
  if (boot_vm == nullptr)
    return fault(std::errc::invalid_argument,
                 "--nested boots an emulated host, which the project's scripts do: run "
                 "'scripts/bellwire rules --nested'");
  std::vector<const char*> words{boot_vm, "--accel",  "nested", "--outer",
                                 "--",    "bellwire", "rules"};
  if (json) words.push_back("--json");
  words.push_back(nullptr);
  ::execv(boot_vm, const_cast<char* const*>(words.data()));
  return system_fault("cannot run {}", boot_vm);
}

}  // namespace

Result<void> run_rules(const RulesOptions& options) {
  if (options.nested) return run_nested(options.json);
  const auto table = try_all();
  options.json ? print_json(table) : print_table(table);
  if (!table.missing.empty())
    std::cerr << text(
        "bellwire: rules 9 and 15 to 40 were not tried on the kernel: {}; "
        "'scripts/bellwire rules --nested' tries them in an emulated host\n",
        table.missing);
  const auto differs = [](const Row& row) { return row.kernel && !row.agree(); };
  if (const auto row = std::ranges::find_if(table.rows, differs); row != table.rows.end())
    return fault(std::errc::protocol_error, "model and kernel disagree, first on rule {}",
                 row->rule.number);
  return {};
}

}  // namespace bellwire::host
