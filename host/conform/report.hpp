// SPDX-License-Identifier: BSD-3-Clause
//
// Findings for people, as JSON, and as JUnit's XML for whoever collects test results.
#pragma once

#include <ostream>
#include <string>

#include "host/conform/suite.hpp"

namespace bellwire::host::conform {

/// What was tried: a line, with the statement below whenever it does not simply pass.
[[nodiscard]] std::string verdict_lines(const Verdict& verdict);

/// What the back-end is, as far as it is known.
[[nodiscard]] std::string introduction(const Settings& settings, const Findings& findings);

/// "93 statements: 80 pass, 2 fail, 10 not applicable, 1 could not be tried".
[[nodiscard]] std::string summary(const Findings& findings);

/// {socket, dialect, device, features, protocol_features, queues, trouble, counts, statements:
/// [{statement, says, source, verdict, reason, sent, came}]}
void write_json(std::ostream& out, const Settings& settings, const Findings& findings);

/// A test case for each statement.
void write_junit(std::ostream& out, const Findings& findings);

/// All statements with their sources, for `--list`.
[[nodiscard]] std::string list_of_statements();

}  // namespace bellwire::host::conform
