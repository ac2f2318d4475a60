// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/text.hpp"

#include <doctest/doctest.h>

using bellwire::escaped;

TEST_CASE("text that is for people stays as it is") {
  for (const char* words : {"", "plain", "µs … Größe", "日本語", "😀", "a\\b"})
    CHECK(escaped(words) == words);
}

TEST_CASE("control characters and bytes that are no UTF-8 are shown, not sent") {
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
