// SPDX-License-Identifier: BSD-3-Clause
#include "host/live/page_request.hpp"

#include <boost/json.hpp>

#include "guest-kmod/uapi/bellwire.h"
#include "host/output/json_text.hpp"
#include "host/trace/file/json_node.hpp"
#include "vdev/faults/plan.hpp"

namespace bellwire::host::live {
namespace {

namespace json = boost::json;
using view::JsonNode;

json::value queue_of(const JsonNode& request) {
  if (!request.has("queue") || request.at("queue").is_null()) return nullptr;
  return request.at("queue").whole(BELLWIRE_MAX_QUEUES - 1);
}

// The device would refuse it as well; here its words may be as long as they are.
Result<PageRequest> fault_request(const JsonNode& request) {
  const auto words = request.at("plan").line();
  if (auto plan = FaultPlan::parse(words); !plan) return plan.error();
  return PageRequest{request.at("socket").line(),
                     {{"do", "fault"}, {"plan", words}, {"queue", queue_of(request)}}};
}

Result<PageRequest> read_request(const JsonNode& request) {
  const auto what = request.at("do");
  if (what.line() == "fault") return fault_request(request);
  if (what.line() != "end faults") what.refuse("\"fault\" or \"end faults\"");
  return PageRequest{request.at("socket").line(), {{"do", "end faults"}}};
}

}  // namespace

Result<PageRequest> parse_page_request(const std::string& text) {
  boost::system::error_code error;
  const auto request = json::parse(text, error);
  try {
    if (error) throw view::Malformed("it is not JSON");
    return read_request(JsonNode(request));
  } catch (const view::Malformed& malformed) {
    return fault(std::errc::invalid_argument, "what the page asks: {}", malformed.what());
  }
}

std::string answer_text(const std::string& socket, const Result<void>& done) {
  const json::value error = done ? json::value() : json::value(done.error().message);
  return json_text(json::object{{"answer", {{"socket", socket}, {"error", error}}}});
}

}  // namespace bellwire::host::live
