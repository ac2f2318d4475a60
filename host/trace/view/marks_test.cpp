// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/marks.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "host/trace/testing/trace_builder.hpp"
#include "host/trace/view/figures.hpp"
#include "host/trace/view/perfetto.hpp"
#include "host/trace/view/show.hpp"

using namespace bellwire;
using namespace bellwire::view;

namespace {

// Requests 0 and 1 of queue 0, and their queue's next life, in which there is a request 0 again.
Trace two_lives() {
  auto trace = trace_of({steady(0), steady(20'000), steady(40'000)});
  trace.requests[2].index = 0;
  return trace;
}

std::optional<std::size_t> tied(const TracedMark& mark) {
  auto trace = two_lives();
  trace.faults = {mark};
  return marks_of(trace).at(0).request;
}

using Place = std::optional<std::size_t>;

}  // namespace

TEST_CASE("a mark belongs to the newest request of its name that had begun") {
  CHECK(tied({.queue = 0, .at = 5'000, .what = "drop doorbell 1", .index = 0}) == Place(0));
  CHECK(tied({.queue = 0, .at = 39'000, .what = "drop doorbell 1", .index = 0}) == Place(0));
  CHECK(tied({.queue = 0, .at = 39'900, .what = "drop doorbell 1", .index = 0}) == Place(2));
  CHECK(tied({.queue = 0, .at = 21'000, .what = "drop doorbell 1", .index = 1}) == Place(1));
  CHECK(tied({.queue = 0, .at = 19'000, .what = "drop doorbell 1", .index = 1}) == Place());
  CHECK(tied({.queue = 1, .at = 21'000, .what = "drop doorbell 1", .index = 1}) == Place());
  CHECK(tied({.queue = 0, .at = 21'000, .what = "drop doorbell 1"}) == Place());
}

TEST_CASE("marks are sorted, named and counted") {
  auto trace = two_lives();
  trace.faults = {{.queue = 0, .at = 5'000, .what = "drop doorbell 7", .index = 0},
                  {.queue = 0, .at = 21'000, .what = "invent interrupt"},
                  {.queue = 0, .at = 22'000, .what = "drop doorbell 12", .index = 1},
                  {.queue = 0, .at = 23'000, .what = "freeze guest 1", .index = 1},
                  {.queue = 1, .at = 23'000, .what = "freeze guest 1", .index = 4}};
  trace.recovered = {{.queue = 0, .at = 9'000, .what = "doorbell", .index = 0}};
  const auto marks = marks_of(trace);
  REQUIRE(marks.size() == 6);
  CHECK(marks[1].words == "doorbell recovered");
  CHECK(marks[1].recovered);
  CHECK(marks[3].kind == "drop doorbell");
  CHECK(by_request(marks).count(0) == 2);
  CHECK(counts_in_words(trace, false) == "2 drop doorbell, 1 freeze guest, 1 invent interrupt");
  CHECK(counts_in_words(trace, true) == "1 doorbell");
  CHECK(counts_in_words(two_lives(), false).empty());
}

TEST_CASE("they are shown beside their request, and drawn on its track") {
  auto trace = two_lives();
  trace.faults = {{.queue = 0, .at = 2'500, .what = "drop interrupt 7", .index = 0},
                  {.queue = 0, .at = 21'000, .what = "drop \"doorbell\" 8"}};
  trace.recovered = {{.queue = 0, .at = 9'000, .what = "interrupt", .index = 0}};
  const auto figures = figures_of(trace, "run.json").value();
  std::ostringstream shown, drawn;
  show(shown, {.width = 100, .unicode = false}, trace, figures, 3);
  CHECK(shown.str().find("    2.50 us: drop interrupt 7\n    9.00 us: interrupt recovered\n") !=
        std::string::npos);
  CHECK(shown.str().find("\nrecovered   1 interrupt\n") != std::string::npos);
  write_perfetto(drawn, trace, figures);
  for (
      const auto* const event :
      {R"({"ph":"i","pid":3,"tid":1,"ts":2.500,"s":"t","cat":"fault","name":"drop interrupt 7"})",
       R"({"ph":"i","pid":2,"tid":1,"ts":9.000,"s":"t","cat":"recovery","name":"interrupt recovered"})",
       R"({"ph":"i","pid":3,"tid":0,"ts":21.000,"s":"p","cat":"fault","name":"drop \"doorbell\" 8"})"}) {
    CAPTURE(event);
    CHECK(drawn.str().find(event) != std::string::npos);
  }
}
