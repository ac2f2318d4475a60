// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/text_table.hpp"

#include <doctest/doctest.h>

namespace bellwire {
namespace {

constexpr auto left = TextTable::Align::left;

TEST_CASE("columns are as wide as their widest cell, numbers end at the same place") {
  TextTable table({{"hop", left}, {"count"}, {"p50"}});
  table.add({"submitted", "1", "0.50"});
  table.add({"x", "1,000,000", "12.50"});
  CHECK(table.with_heading() ==
        "hop            count    p50\n"
        "submitted          1   0.50\n"
        "x          1,000,000  12.50\n");
}

TEST_CASE("a width that is given is kept while cells fit, and lines can be printed as they come") {
  const TextTable table({{"a", left, 4}, {"b", TextTable::Align::right, 5}, {"c", left}}, 1);
  CHECK(table.heading() == "a        b c\n");
  CHECK(table.line({"x", "1", "long text"}) == "x        1 long text\n");
  CHECK(table.line({"wider", "1"}) == "wider     1\n");
}

TEST_CASE("a row may have fewer cells, and no line ends in spaces") {
  TextTable table({{"name", left}, {"note", left}});
  table.add({"one"});
  table.add({"two", ""});
  table.add({});
  CHECK(table.text() == "one\ntwo\n\n");
}

TEST_CASE("a character of several bytes takes one column") {
  CHECK(columns_of("µs → ▏") == 6);
  TextTable table({{"µs", left}, {"n"}});
  table.add({"a → b", "1"});
  table.add({"a -> b", "2"});
  CHECK(table.with_heading() ==
        "µs      n\n"
        "a → b   1\n"
        "a -> b  2\n");
}

TEST_CASE("thousands are grouped") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'234'567) == "1,234,567");
}

}  // namespace
}  // namespace bellwire
