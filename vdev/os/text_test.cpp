// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/text.hpp"

#include <doctest/doctest.h>

namespace bellwire {
namespace {

TEST_CASE("text that is for people stays as it is") {
  for (const char* words : {"", "plain", "µs … Größe", "日本語", "😀", "a\\b"})
    CHECK(escaped(words) == words);
}

TEST_CASE("control characters and bytes that are not UTF-8 are shown, not sent") {
  CHECK(escaped("a\nb\rc\td") == "a\\nb\\rc\\td");
  CHECK(escaped("\x1b[31m\x7f") == "\\x1b[31m\\x7f");
  CHECK(escaped(std::string_view("\0", 1)) == "\\x00");
  CHECK(escaped("\xc2\x9b"
                "2J") == "\\xc2\\x9b2J");               // CSI in one character
  CHECK(escaped("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK(escaped("\xff\xfe") == "\\xff\\xfe");
  CHECK(escaped("\xc0\xaf") == "\\xc0\\xaf");                    // too long a form
  CHECK(escaped("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");           // likewise
  CHECK(escaped("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(escaped("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
  CHECK(escaped("cut \xe2\x82") == "cut \\xe2\\x82");
  CHECK(escaped("\xc3(") == "\\xc3(");
}

// TextTable.

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

TEST_CASE("a heading may have two lines, and stands low") {
  const TextTable table({{"pid", left}, {"requests\nper s"}, {"under\nway"}}, 1);
  CHECK(table.heading() ==
        "    requests under\n"
        "pid    per s   way\n");
}

TEST_CASE("words that would leave the page go on below") {
  const std::string four = "forty columns, which are less than a half";
  const TextTable table({{"", left, 8}, {"", left}});
  CHECK(table.line({"reason", four + ", and " + four + ", and the end"}) ==
        "reason    " + four + ", and " + four + ",\n          and the end\n");
  SUBCASE("and in lines of their own where there is little room") {
    const TextTable wide({{"", left, 80}, {"", left}});
    CHECK(wide.line({"a", "these words need 28 columns."}) ==
          "a\n    these words need 28 columns.\n");
  }
  SUBCASE("but not what has no gap, such as a bar") {
    const TextTable wide({{"", left, 80}, {"", left}});
    CHECK(wide.line({"a", std::string(40, '#')}) == text("{:<82}{}\n", "a", std::string(40, '#')));
  }
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
