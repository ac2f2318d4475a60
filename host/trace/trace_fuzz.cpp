// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against a trace file that somebody else wrote, and against all that shows one. The
// input is the file's text; or, since no fuzzer guesses its eleven stages, a list of values for a
// file whose form is right for the most part. What is wrong is refused with a line. What is read
// must be safe to show: no control characters on a terminal, no tag of the file's in a page, and
// JSON that can be read again.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

#include "host/output/json_text.hpp"
#include "host/trace/file/function_trace.hpp"
#include "host/trace/file/trace.hpp"
#include "host/trace/view/diff.hpp"
#include "host/trace/view/function_figures.hpp"
#include "host/trace/view/marks.hpp"
#include "host/trace/view/page.hpp"
#include "host/trace/view/perfetto.hpp"
#include "host/trace/view/show.hpp"
#include "vdev/fuzz/check.hpp"

namespace bellwire::view::trace_fuzz {
namespace {

using fuzz::require;

namespace json = boost::json;

constexpr std::size_t slowest = 3;
constexpr std::string_view tag = "<x";  // no page of ours has it

// A file's text, from values that fit together better than chance has it.
class Writer {
 public:
  explicit Writer(FuzzedDataProvider& input) : input_(input) {}

  std::string trace() {
    json::object file = head();
    file["clock"] = {{"ticks_per_ns", number()},
                     {"offset_ticks", number()},
                     {"uncertainty_ns", number()},
                     {"contradictions", whole()}};
    json::array all;
    for (const auto& stage : stages)
      all.push_back({{"name", stage.name}, {"side", name_of(stage.side)}});
    file["stages"] = all;
    file["lost"] = {{"process", whole()}, {"module", whole()}, {"device", whole()}};
    file["requests"] = list([this] { return request(); });
    for (const char* const name : {"doorbells", "interrupts"})
      file[name] = list([this] {
        return json::object{{"queue", whole()}, {"at", number()}, {"requests", whole()}};
      });
    for (const char* const name : {"faults", "recovered"})
      if (input_.ConsumeBool()) file[name] = list([this] { return mark(); });
    if (input_.ConsumeBool())
      file["left_out"] = list([this] {
        return json::object{{"queue", whole()}, {"requests", whole()}, {"records", whole()}};
      });
    return json::serialize(spoilt(std::move(file)));
  }

  std::string function_trace() {
    static constexpr const char* kinds[] = {"read",     "write",     "config read", "config write",
                                            "DMA read", "DMA write", "interrupt",   "reset"};
    json::object file = head();
    file["lost"] = whole();
    file["events"] = list([this] {
      return json::array{
          number(), input_.PickValueInArray(kinds), whole(), whole(), whole(), whole(), number(),
          whole()};
    });
    return json::serialize(spoilt(std::move(file)));
  }

 private:
  json::object head() {
    json::object file{{"version", 1}, {"transport", line()}, {"device", line()}, {"began", line()}};
    file["machine"] = {{"cpu", line()},
                       {"kernel", line()},
                       {"accelerator", line()},
                       {"qemu", nullptr},
                       {"guest_kernel", line()}};
    return file;
  }
  // Now and then one of its values is another.
  json::object spoilt(json::object file) {
    if (input_.ConsumeIntegralInRange(0, 7) != 0) return file;
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, file.size() - 1);
    const auto member = std::next(file.begin(), static_cast<std::ptrdiff_t>(at));
    member->value() = input_.ConsumeBool() ? number() : json::value(line());
    return file;
  }
  template <class Make>
  json::array list(const Make& make) {
    json::array all;
    const auto count = input_.ConsumeIntegralInRange(0, 4);
    for (int each = 0; each < count; ++each) all.push_back(make());
    return all;
  }
  json::object request() {
    json::array at;
    for (std::size_t stage = 0; stage < stages.size(); ++stage) at.push_back(number());
    return {{"queue", whole()}, {"index", whole()}, {"at", at}};
  }
  json::object mark() {
    return {{"queue", whole()},
            {"at", number()},
            {"what", line()},
            {"index", input_.ConsumeBool() ? json::value(nullptr) : json::value(whole())}};
  }
  json::value number() {
    switch (input_.ConsumeIntegralInRange(0, 7)) {
      case 0:
        return nullptr;
      case 1:
        return input_.ConsumeFloatingPoint<double>();
      case 2:
        return input_.ConsumeIntegral<std::int64_t>();
      case 3:
        return largest_time;
      default:
        return clock_ += input_.ConsumeIntegral<std::uint8_t>();
    }
  }
  json::value whole() {
    const auto chosen = input_.ConsumeIntegralInRange(0, 15);
    if (chosen == 0) return input_.ConsumeIntegral<std::uint64_t>();
    if (chosen == 1) return input_.ConsumeIntegral<std::int32_t>();
    return chosen % 4;
  }
  std::string line() {
    static constexpr const char* lines[] = {
        "echo", "in-process", "drop interrupt 33",    "interrupt", "<x>\"&</script>",
        "\x1b", "→",          "2026-11-23T03:15:00Z", "doorbell",  ""};
    return input_.ConsumeIntegralInRange(0, 7) == 0 ? input_.ConsumeRandomLengthString(40)
                                                    : input_.PickValueInArray(lines);
  }

  FuzzedDataProvider& input_;
  std::int64_t clock_ = 0;
};

std::string content_from(FuzzedDataProvider& input) {
  switch (input.ConsumeIntegralInRange(0, 3)) {
    case 0:
      return input.ConsumeRemainingBytesAsString();
    case 1:
      return Writer(input).function_trace();
    default:
      return Writer(input).trace();
  }
}

void check_words(const std::string& shown) {
  require(std::ranges::none_of(shown, [](char letter) {
    return letter != '\n' && (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f);
  }));
}
void check_json(const std::string& written) {
  boost::system::error_code error;
  (void)json::parse(written, error);
  require(!error);
}
void check_page(const std::string& page) {
  require(page.find(tag) == std::string::npos);
}

template <class Write>
std::string written(const Write& write) {
  std::ostringstream out;
  write(out);
  return std::move(out).str();
}

void show_all(const Trace& trace) {
  const Screen screen{.unicode = false};
  for (const bool recovered : {false, true}) {
    check_words(counts_in_words(trace, recovered));
    check_json(host::json_text(counts_in_json(trace, recovered)));
  }
  const auto figures = figures_of(trace, "it");
  if (!figures) return require(!figures.error().message.empty());
  require(figures->requests.size() + figures->incomplete == trace.requests.size());
  check_words(written([&](auto& out) { show(out, screen, trace, *figures, slowest); }));
  check_json(host::json_text(to_json(trace, *figures, slowest)));
  check_json(written([&](auto& out) { write_perfetto(out, trace, *figures); }));
  check_page(written([&](auto& out) { write_page(out, trace, *figures); }));
  const auto change = changes(*figures, *figures);
  check_words(written([&](auto& out) { show(out, screen, change); }));
  check_json(host::json_text(to_json(change, differences(trace, trace))));
}

void show_all(const FunctionTrace& trace) {
  const Screen screen{.unicode = false};
  const auto figures = figures_of(trace, "it");
  if (!figures) return require(!figures.error().message.empty());
  check_words(written([&](auto& out) { show(out, screen, trace, *figures, slowest); }));
  check_json(host::json_text(to_json(trace, *figures, slowest)));
  check_page(written([&](auto& out) { write_page(out, trace, *figures); }));
}

void try_one(FuzzedDataProvider& input) {
  const auto trace = parse_any(content_from(input), "it");
  if (!trace)
    check_words(trace.error().message);
  else
    std::visit([](const auto& read) { show_all(read); }, *trace);
}

}  // namespace
}  // namespace bellwire::view::trace_fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  bellwire::view::trace_fuzz::try_one(input);
  return 0;
}
