// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/help.hpp"

#include <doctest/doctest.h>

namespace bellwire::host {

TEST_CASE("what follows a column of names stays in its own column") {
  CHECK(fit("  --name VALUE   What it is for, in many more words", 40) ==
        "  --name VALUE   What it is for, in many\n"
        "                 more words\n");
  CHECK(fit("  --long-enough-name-and-more   Text", 30) ==
        "  --long-enough-name-and-more\n  Text\n");
}

TEST_CASE("paragraphs are filled anew, and what is indented keeps its lines") {
  CHECK(fit("One two\nthree four five\n\nSix:\n  seven\n  eight", 12) ==
        "One two\nthree four\nfive\n\nSix:\n  seven\n  eight\n");
}

TEST_CASE("a usage line is not merged into the paragraph before it") {
  CHECK(fit("Does it\nUsage: it [OPTIONS]\n", 40) == "Does it\nUsage: it [OPTIONS]\n\n");
}

TEST_CASE("columns are counted, not bytes") {
  CHECK(fit("äöü äöü", 7) == "äöü äöü\n");
  CHECK(fit("äöü äöü", 6) == "äöü\näöü\n");
}

TEST_CASE("help says what an option takes, and its default") {
  CLI::App app("Does it");
  app.formatter(std::make_shared<HelpFormatter>());
  int number = 3;
  std::string word = "a";
  app.add_option("--number", number, "How many")
      ->check(between(1, 64))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--word", word, "Which")->check(CLI::IsMember({"a", "b"}))->required();
  app.add_option("--some", number, "Some")->check(above_zero())->type_name("N");
  const auto help = app.help();
  CHECK(help.find("--number N                  How many (1 to 64; default: 3)\n") !=
        std::string::npos);
  CHECK(help.find("--word TEXT                 Which (a, b; required)\n") != std::string::npos);
  CHECK(help.find("--some N                    Some (above 0)\n") != std::string::npos);
}

TEST_CASE("a number that is out of range is named with the range") {
  CHECK(between(1, 64)("65").find("'65': choose a number from 1 to 64") == 0);
  CHECK(above_zero()("0").find("'0': choose a number above 0") == 0);
  for (const auto* const wrong : {"", "x", "1x", "-1"}) CHECK(between(1, 64)(wrong) != "");
  for (const auto* const right : {"1", "64"}) CHECK(between(1, 64)(right).empty());
}

}  // namespace bellwire::host
