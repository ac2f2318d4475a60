// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/markup.hpp"

#include <doctest/doctest.h>

using bellwire::host::markup_text;

TEST_CASE("what HTML and XML would read as markup becomes entities, and nothing else changes") {
  CHECK(markup_text("<a href=\"x\">&amp;") == "&lt;a href=&quot;x&quot;&gt;&amp;amp;");
  CHECK(markup_text("8 µs\nand 'so'") == "8 µs\nand 'so'");
  CHECK(markup_text("").empty());
}
