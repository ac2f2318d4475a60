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
          {"lost", losses_of(control)}};
}

}  // namespace

namespace {

json::value counts_of(const FunctionLog* log) {
  if (log == nullptr) return nullptr;
  const auto counts = log->counts();
  json::object all{{"dma_bytes", counts.dma_bytes}, {"failed", counts.failed}};
  for (std::size_t kind = 0; kind < pci::event_kinds; ++kind)
    all[view::name_of(static_cast<pci::EventKind>(kind))] = counts.events[kind];
  return all;
}

json::array counts_of(const FaultTally* faults) {
  json::array all;
  for (std::size_t rule = 0; faults != nullptr && rule < faults->plan().rules.size(); ++rule)
    all.push_back(json::object{{"fault", describe(faults->plan().rules[rule])},
                               {"times", faults->count(rule)}});
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
  return {{"device", facts.device},      {"transport", facts.transport},
          {"incarnation", incarnation},  {"function", counts_of(log)},
          {"faults", counts_of(faults)}, {"queues", std::move(queues)}};
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
      return Error{received.error().code, text("{}: {}", path, received.error().message)};
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
          .lost = sum_of_losses(node.at("lost"))};
}

FunctionCounts read_counts(const JsonNode& node) {
  FunctionCounts counts{.dma_bytes = number(node.at("dma_bytes")),
                        .failed = number(node.at("failed"))};
  for (std::size_t kind = 0; kind < pci::event_kinds; ++kind)
    counts.events[kind] = number(node.at(view::name_of(static_cast<pci::EventKind>(kind))));
  return counts;
}

std::vector<FaultStatus> read_faults(const JsonNode& node) {
  std::vector<FaultStatus> faults;
  for (std::size_t index = 0; index < node.size(); ++index)
    faults.push_back({node.at(index).at("fault").line(), number(node.at(index).at("times"))});
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
  if (node.has("faults")) status.faults = read_faults(node.at("faults"));
  const auto queues = node.at("queues");
  for (std::size_t index = 0; index < queues.size(); ++index)
    if (const auto queue = read_queue(queues.at(index)); queue.generation % 2 == 1)
      status.queues.push_back(queue);
  return status;
}

Result<DeviceStatus> parse(const std::string& path, const std::string& line) {
  boost::system::error_code error;
  const auto answer = boost::json::parse(line, error);
  try {
    if (error) throw view::Malformed("the answer is not JSON");
    if (const auto* const object = answer.if_object(); object && object->contains("error"))
      return fault(std::errc::protocol_error, "{}: {}", path, JsonNode(answer).at("error").line());
    return read_status(JsonNode(answer).at("status"));
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

Result<DeviceStatus> ask_status(const std::string& path, int stop) {
  const auto socket = connect_control(path);
  if (!socket) return socket.error();
  const auto sent = os::send_message(socket->get(), std::as_bytes(std::span(status_request)), -1);
  // A server that has turned us away said why before it hung up.
  if (!sent && !os::peer_left(socket->get())) return sent.error();
  const auto line = read_line(path, socket->get(), stop);
  if (!line) return line.error();
  auto status = parse(path, *line);
  if (status) status->pid = peer_of(socket->get());
  return status;
}

}  // namespace bellwire::host
