// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/status.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/json.hpp>
#include <limits>

#include "host/trace/file/function_trace.hpp"
#include "host/trace/file/json_node.hpp"
#include "host/trace/record/control.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::host {
namespace {

namespace json = boost::json;
using view::JsonNode;

// The side that answers

// Per hop, what both sides found.
json::object losses_of(const bellwire_queue_control& control) {
  constexpr std::array<const char*, BELLWIRE_HOPS> names{"kicks", "doorbells", "interrupts",
                                                         "calls", "wakes"};
  json::object losses;
  for (std::size_t hop = 0; hop < names.size(); ++hop)
    losses[names[hop]] = std::uint64_t{ring::load(control.status.lost[hop], ring::relaxed)} +
                         ring::load(control.consume.lost[hop], ring::relaxed);
  return losses;
}

json::value waiting_of(const ring::Queue& queue) {
  const auto hang = ring::find_hang(queue);
  if (!hang) return nullptr;
  return json::object{{"request", hang->request}, {"stage", static_cast<unsigned>(hang->last)}};
}

json::object status_of(unsigned index, const ring::Queue& queue) {
  const auto& control = *queue.control;
  const auto now = [](const auto& word) { return ring::load(word, ring::acquire); };
  // In this order, so that no request is seen completed that isn't seen submitted.
  return {{"queue", index},
          {"entries", queue.entries},
          {"generation", now(control.status.generation)},
          {"status", now(control.status.status)},
          {"consumed", now(control.consume.consumed)},
          {"completed", now(control.complete.completed)},
          {"submitted", now(control.submit.submitted)},
          {"doorbells", now(control.status.doorbells)},
          {"wakeups", now(control.status.wakeups)},
          {"raises", now(control.status.raises)},
          {"lost", losses_of(control)},
          {"waits", waiting_of(queue)}};
}

json::value counts_of(const FunctionLog* log) {
  if (log == nullptr) return nullptr;
  const auto counts = log->counts();
  json::object all{{"dma_bytes", counts.dma_bytes}, {"failed", counts.failed}};
  for (std::size_t kind = 0; kind < pci::event_kinds; ++kind)
    all[view::name_of(static_cast<pci::EventKind>(kind))] = counts.events[kind];
  return all;
}

// A lost doorbell's request was completed all the same, a lost interrupt's completion was taken.
json::value answered(const ring::Layout* layout, FaultWire wire, const FaultTally::Told& told) {
  const bool known = layout != nullptr && told.victim && told.victim->generation != 0 &&
                     told.last_wire.value_or(layout->queues()) < layout->queues();
  if (!known) return nullptr;
  const auto& control = *layout->queue(*told.last_wire).control;
  const auto& index =
      wire == FaultWire::doorbell ? control.complete.completed : control.consume.consumed;
  const auto beyond = ring::load(index, ring::acquire);
  if (ring::load(control.status.generation, ring::acquire) != told.victim->generation)
    return nullptr;
  return static_cast<std::int32_t>(beyond - static_cast<std::uint32_t>(told.victim->request)) > 0;
}

json::object status_of(const ring::Layout* layout, const FaultTally& faults, std::size_t rule) {
  const auto told = faults.told(rule);
  const auto wire = faults.rule(rule).wire;
  const auto queue = told.last_wire ? json::value(*told.last_wire) : json::value();
  const auto request = told.victim ? json::value(told.victim->request) : json::value();
  return {{"fault", told.words}, {"wire", name_of_wire(wire)},
          {"times", told.times}, {"given", told.given},
          {"armed", told.armed}, {"queue", queue},
          {"request", request},  {"answered", answered(layout, wire, told)}};
}

json::array counts_of(const ring::Layout* layout, const FaultTally* faults) {
  json::array all;
  for (std::size_t rule = 0; faults != nullptr && rule < faults->rules(); ++rule)
    all.push_back(status_of(layout, *faults, rule));
  return all;
}

}  // namespace

json::object status_of(const ring::Layout* layout, const TraceFacts& facts, const FunctionLog* log,
                       const FaultTally* faults) {
  json::array queues;
  for (unsigned index = 0; layout != nullptr && index < layout->queues(); ++index)
    queues.push_back(status_of(index, layout->queue(index)));
  const auto incarnation =
      layout == nullptr ? 0U : ring::load(layout->device_line().incarnation, ring::relaxed);
  return {{"device", facts.device},
          {"transport", facts.transport},
          {"incarnation", incarnation},
          {"function", counts_of(log)},
          {"takes_faults", faults != nullptr && faults->is_open()},
          {"faults", counts_of(layout, faults)},
          {"queues", std::move(queues)}};
}

// The side that asks

namespace {

constexpr std::chrono::seconds patience{2};
constexpr std::size_t longest_status = 64 << 10;
constexpr std::string_view status_request = "{\"do\":\"status\"}\n";

Result<std::string> read_line(const std::string& path, int socket, int stop) {
  std::string line;
  while (line.find('\n') == line.npos) {
    if (line.size() > longest_status)
      return fault(std::errc::protocol_error,
                   "{}: a line of over {} bytes; is it the control socket of a device?", path,
                   longest_status);
    const auto waited = os::wait_for_peer(socket, patience, stop);
    if (waited == os::Waited::stopped)
      return fault(std::errc::operation_canceled, "{}: stopped while it waited for an answer",
                   path);
    if (waited == os::Waited::timeout)
      return fault(std::errc::timed_out, "{}: no answer for {} s; is the device stopped?", path,
                   patience.count());
    std::array<std::byte, 4096> bytes{};
    const auto received = os::receive_message(socket, bytes);
    if (!received)
      return Error{received.error().code, text("{}: {}; is it the control socket of a device?",
                                               path, received.error().message)};
    if (*received && (*received)->size == 0)
      return fault(std::errc::protocol_error, "{}: the device has gone", path);
    if (*received) line.append(reinterpret_cast<const char*>(bytes.data()), (*received)->size);
  }
  return line;
}

std::uint32_t word(const JsonNode& node) {
  return static_cast<std::uint32_t>(node.whole(std::numeric_limits<std::uint32_t>::max()));
}

std::uint64_t number(const JsonNode& node) {
  return node.whole(std::numeric_limits<std::uint64_t>::max());
}

// The numbers wrap, and so does their sum.
std::uint64_t sum_of_losses(const JsonNode& node) {
  std::uint64_t sum = 0;
  for (const auto* const hop : {"kicks", "doorbells", "interrupts", "calls", "wakes"})
    sum += number(node.at(hop));
  return sum;
}

std::optional<ring::Hang> read_waiting(const JsonNode& queue) {
  if (!queue.has("waits") || !queue.at("waits").is_object()) return std::nullopt;
  const auto node = queue.at("waits");
  return ring::Hang{
      .generation = word(queue.at("generation")),
      .request = word(node.at("request")),
      .last = static_cast<bellwire_stage>(node.at("stage").whole(BELLWIRE_CONSUMED - 1))};
}

QueueStatus read_queue(const JsonNode& node) {
  return {.queue = word(node.at("queue")),
          .entries = word(node.at("entries")),
          .generation = word(node.at("generation")),
          .status = word(node.at("status")),
          .submitted = word(node.at("submitted")),
          .completed = word(node.at("completed")),
          .doorbells = number(node.at("doorbells")),
          .wakeups = number(node.at("wakeups")),
          .raises = number(node.at("raises")),
          .lost = sum_of_losses(node.at("lost")),
          .waits = read_waiting(node)};
}

FunctionCounts read_counts(const JsonNode& node) {
  FunctionCounts counts{.dma_bytes = number(node.at("dma_bytes")),
                        .failed = number(node.at("failed"))};
  for (std::size_t kind = 0; kind < pci::event_kinds; ++kind)
    counts.events[kind] = number(node.at(view::name_of(static_cast<pci::EventKind>(kind))));
  return counts;
}

template <class Read>
auto read_or_null(const JsonNode& node, std::string_view name, const Read& read) {
  return node.at(name).is_null() ? std::nullopt : std::optional(read(node.at(name)));
}

FaultStatus read_fault(const JsonNode& node) {
  FaultStatus fault{.fault = node.at("fault").line(), .times = number(node.at("times"))};
  if (!node.has("wire")) return fault;  // an older device
  fault.wire = node.at("wire").line();
  fault.given = node.at("given").truth();
  fault.armed = node.at("armed").truth();
  fault.queue = read_or_null(node, "queue", word);
  fault.request = read_or_null(node, "request", number);
  fault.answered = read_or_null(node, "answered", [](const auto& each) { return each.truth(); });
  return fault;
}

std::vector<FaultStatus> read_faults(const JsonNode& node) {
  std::vector<FaultStatus> faults;
  for (std::size_t index = 0; index < node.size(); ++index)
    faults.push_back(read_fault(node.at(index)));
  return faults;
}

DeviceStatus read_status(const JsonNode& node) {
  DeviceStatus status{.when = std::chrono::steady_clock::now(),
                      .pid = 0,
                      .device = node.at("device").line(),
                      .transport = node.at("transport").line(),
                      .incarnation = word(node.at("incarnation")),
                      .queues = {}};
  if (node.has("function") && node.at("function").is_object())
    status.function = read_counts(node.at("function"));
  if (node.has("takes_faults")) status.takes_faults = node.at("takes_faults").truth();
  if (node.has("faults")) status.faults = read_faults(node.at("faults"));
  const auto queues = node.at("queues");
  for (std::size_t index = 0; index < queues.size(); ++index)
    if (const auto queue = read_queue(queues.at(index)); queue.generation % 2 == 1)
      status.queues.push_back(queue);
  return status;
}

// read(the answer), unless that is an error.
template <class Read>
auto parse(const std::string& path, const std::string& line, const Read& read)
    -> Result<decltype(read(JsonNode(std::declval<json::value>())))> {
  boost::system::error_code error;
  const auto answer = boost::json::parse(line, error);
  try {
    if (error) throw view::Malformed("the answer is not JSON");
    if (const auto* const object = answer.if_object(); object && object->contains("error"))
      return fault(std::errc::protocol_error, "{}: {}", path, JsonNode(answer).at("error").line());
    return read(JsonNode(answer));
  } catch (const view::Malformed& malformed) {
    return fault(std::errc::protocol_error, "{}: {}; is it the control socket of a device?", path,
                 malformed.what());
  }
}

pid_t peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return peer.pid;
}

}  // namespace

namespace {

// The line that answers.
Result<std::string> ask(const std::string& path, int socket, std::string_view request, int stop) {
  const auto sent = os::send_message(socket, std::as_bytes(std::span(request)), -1);
  // A server that has turned us away said why before it hung up.
  if (!sent && !os::peer_left(socket)) return sent.error();
  return read_line(path, socket, stop);
}

}  // namespace

Result<DeviceStatus> ask_status(const std::string& path, int stop) {
  const auto socket = connect_control(path);
  if (!socket) return socket.error();
  const auto line = ask(path, socket->get(), status_request, stop);
  if (!line) return line.error();
  auto status = parse(path, *line, [](const auto& node) { return read_status(node.at("status")); });
  if (status) status->pid = peer_of(socket->get());
  return status;
}

Result<void> ask_device(const std::string& path, const json::object& request, int stop) {
  const auto socket = connect_control(path);
  if (!socket) return socket.error();
  const auto line = ask(path, socket->get(), json::serialize(request) + "\n", stop);
  if (!line) return line.error();
  const auto given = parse(path, *line, [](const auto& node) { return node.at("given").truth(); });
  if (!given) return given.error();
  return {};
}

}  // namespace bellwire::host
