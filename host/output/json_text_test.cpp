// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/json_text.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace bellwire::host;
namespace json = boost::json;

TEST_CASE("no number has an exponent, and each is read as it was") {
  std::mt19937_64 random(11);
  for (int turn = 0; turn < 10'000; ++turn) {
    const auto bits = random();
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    const auto text = json_text(number);
    REQUIRE(text.find_first_not_of("-0123456789.") == std::string::npos);
    REQUIRE(std::strtod(text.c_str(), nullptr) == number);
  }
  CHECK(json_text(1.5) == "1.5");
  CHECK(json_text(123456789012.0) == "123456789012");
}

TEST_CASE("what JSON has no number for is null") {
  for (const double number : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    CHECK(json_text(number) == "null");
}

TEST_CASE("everything else is as Boost.JSON writes it") {
  const json::value value = {{"a \"quote\"\n", json::array{1, nullptr, true, "\x1b[2J", 0.25}},
                             {"empty", json::object()},
                             {"none", json::array()}};
  const auto text = json_text(value);
  CHECK(json::parse(text) == value);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("JSON holds only UTF-8") {
  CHECK(fits_json("µs → \"quoted\""));
  CHECK_FALSE(fits_json("\xff"));
  CHECK_FALSE(fits_json("\xc3"));
}
