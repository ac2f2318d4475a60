// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/report.hpp"

#include <boost/json.hpp>

#include "host/output/json_text.hpp"
#include "host/output/markup.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host::conform {
namespace {

using Align = TextTable::Align;

TextTable verdict_table() {
  return TextTable({{"", Align::right, 3}, {"", Align::left, 7}, {"", Align::left}});
}

const char* name_of_kind(Kind kind) {
  switch (kind) {
    case Kind::blk:
      return "blk";
    case Kind::rng:
      return "rng";
    case Kind::net:
      return "net";
    case Kind::unknown:
      return "unknown";
  }
  return "?";
}

std::string in_xml(std::string_view words) {
  return markup_text(escaped(words));
}

// With line breaks: it is text, not an attribute's value.
std::string details(const Verdict& verdict) {
  return text("{} ({})\nsent: {}\ncame: {}\n", escaped(verdict.reason), verdict.statement->source,
              escaped(verdict.sent), escaped(verdict.came));
}

void write_case(std::ostream& out, const Verdict& verdict) {
  const auto& statement = *verdict.statement;
  out << text("  <testcase classname=\"vhost-user\" name=\"{}: {}\"", statement.number,
              in_xml(statement.says));
  switch (verdict.outcome) {
    case Outcome::pass:
      out << "/>\n";
      return;
    case Outcome::fail:
      out << text("><failure message=\"{}\">{}</failure></testcase>\n", in_xml(verdict.reason),
                  markup_text(details(verdict)));
      return;
    case Outcome::not_applicable:
    case Outcome::untried:
      out << text("><skipped message=\"{}\"/></testcase>\n", in_xml(verdict.reason));
  }
}

boost::json::object to_json(const Verdict& verdict) {
  return {{"statement", verdict.statement->number},
          {"says", verdict.statement->says},
          {"source", verdict.statement->source},
          {"verdict", name_of(verdict.outcome)},
          {"reason", verdict.reason},
          {"sent", verdict.sent},
          {"came", verdict.came}};
}

}  // namespace

std::string verdict_lines(const Verdict& verdict) {
  const auto table = verdict_table();
  const auto& statement = *verdict.statement;
  auto lines = table.line({std::to_string(statement.number), std::string(name_of(verdict.outcome)),
                           std::string(statement.says)});
  const auto add = [&](const char* what, const std::string& words) {
    if (!words.empty()) lines += table.line({"", "", text("{:<6}{}", what, escaped(words))});
  };
  if (verdict.outcome == Outcome::fail) {
    add("but", verdict.reason);
    add("sent", verdict.sent);
    add("came", verdict.came);
    add("see", std::string(statement.source));
  } else {
    add("for", verdict.reason);
  }
  return lines;
}

std::string introduction(const Settings& settings, const Findings& findings) {
  if (!findings.trouble.empty()) return {};  // the run's error says it
  const auto& offer = findings.probe.offer;
  const auto kind = findings.probe.kind;
  return text(
      "The back-end at '{}', a device of {}: features {:#x}, protocol features {:#x}, {} "
      "queue{}; in the dialect of {}\n",
      settings.socket,
      kind == Kind::unknown ? "a kind that was not found out (say it by --device)"
                            : text("kind {}", name_of_kind(kind)),
      offer.features, offer.protocol_features, offer.queues, offer.queues == 1 ? "" : "s",
      settings.dialect->program);
}

std::string summary(const Findings& findings) {
  return text("{} statement{}: {} pass, {} fail, {} not applicable, {} could not be tried\n",
              findings.verdicts.size(), findings.verdicts.size() == 1 ? "" : "s",
              findings.count(Outcome::pass), findings.count(Outcome::fail),
              findings.count(Outcome::not_applicable), findings.count(Outcome::untried));
}

void write_json(std::ostream& out, const Settings& settings, const Findings& findings) {
  boost::json::array statements;
  for (const auto& verdict : findings.verdicts) statements.push_back(to_json(verdict));
  boost::json::object counts;
  for (const auto outcome :
       {Outcome::pass, Outcome::fail, Outcome::not_applicable, Outcome::untried})
    counts[name_of(outcome)] = findings.count(outcome);
  const auto& offer = findings.probe.offer;
  out << json_text(
             boost::json::object{{"socket", settings.socket},
                                 {"dialect", settings.dialect->name},
                                 {"device", name_of_kind(findings.probe.kind)},
                                 {"features", text("{:#x}", offer.features)},
                                 {"protocol_features", text("{:#x}", offer.protocol_features)},
                                 {"queues", offer.queues},
                                 {"trouble", findings.trouble},
                                 {"counts", std::move(counts)},
                                 {"statements", std::move(statements)}})
      << '\n';
}

void write_junit(std::ostream& out, const Findings& findings) {
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      << text(
             " <testsuite name=\"vhost-user\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
             "skipped=\"{}\">\n",
             findings.verdicts.size(), findings.count(Outcome::fail),
             findings.count(Outcome::not_applicable) + findings.count(Outcome::untried));
  for (const auto& verdict : findings.verdicts) write_case(out, verdict);
  out << " </testsuite>\n</testsuites>\n";
}

std::string list_of_statements() {
  TextTable table({{"", Align::right, 3}, {"statement", Align::left}, {"source", Align::left}});
  for (const auto* const statement : all_statements())
    table.add({std::to_string(statement->number), std::string(statement->says),
               std::string(statement->source)});
  return table.with_heading();
}

}  // namespace bellwire::host::conform
