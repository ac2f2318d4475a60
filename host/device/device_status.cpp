// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device_status.hpp"

#include <sys/socket.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <limits>

#include "host/trace/file/node.hpp"
#include "vdev/os/poll.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host {
namespace {

using view::Node;

constexpr std::chrono::seconds patience{2};
constexpr std::size_t longest_status = 64 << 10;
constexpr std::string_view status_order = "{\"do\":\"status\"}\n";

Result<std::string> read_line(const std::string& path, int socket) {
  std::string line;
  while (line.find('\n') == line.npos) {
    if (line.size() > longest_status)
      return fault(std::errc::protocol_error, "{}: a line of over {} bytes; is it a device's?",
                   path, longest_status);
    if (!os::wait_readable(socket, patience))
      return fault(std::errc::timed_out, "{}: no answer for {} s; is the device stopped?", path,
                   patience.count());
    std::array<std::byte, 4096> bytes{};
    const auto received = os::receive_message(socket, bytes);
    if (!received) return received.error();
    if (*received && (*received)->size == 0)
      return fault(std::errc::protocol_error, "{}: the device has gone", path);
    if (*received) line.append(reinterpret_cast<const char*>(bytes.data()), (*received)->size);
  }
  return line;
}

std::uint32_t word(const Node& node) {
  return static_cast<std::uint32_t>(node.whole(std::numeric_limits<std::uint32_t>::max()));
}

std::uint64_t number(const Node& node) {
  return node.whole(std::numeric_limits<std::uint64_t>::max());
}

// The numbers wrap, so does their sum.
std::uint64_t sum_of_losses(const Node& node) {
  std::uint64_t sum = 0;
  for (const auto* const hop : {"kicks", "doorbells", "interrupts", "calls", "wakes"})
    sum += number(node.at(hop));
  return sum;
}

QueueStatus read_queue(const Node& node) {
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

DeviceStatus read_status(const Node& node) {
  DeviceStatus status{.when = std::chrono::steady_clock::now(),
                      .pid = 0,
                      .device = node.at("device").line(),
                      .transport = node.at("transport").line(),
                      .incarnation = word(node.at("incarnation")),
                      .queues = {}};
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
    if (error) throw view::Malformed("the answer is no JSON");
    return read_status(Node(answer).at("status"));
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

// "eventfd-count:                2", in hexadecimal; empty if it is no eventfd.
std::optional<std::uint64_t> count_of(const std::filesystem::path& fdinfo) {
  std::ifstream file(fdinfo);
  for (std::string key; file >> key;)
    if (std::uint64_t count = 0; key == "eventfd-count:" && file >> std::hex >> count) return count;
  return std::nullopt;
}

}  // namespace

Result<DeviceStatus> ask_status(const std::string& path) {
  const auto socket = os::connect_unix(path, {});
  if (!socket)
    return Error{socket.error().code,
                 text("{}; start the device with --control {}", socket.error().message, path)};
  const auto sent = os::send_message(socket->get(), std::as_bytes(std::span(status_order)), -1);
  if (!sent) return sent.error();
  const auto line = read_line(path, socket->get());
  if (!line) return line.error();
  auto status = parse(path, *line);
  if (status) status->pid = peer_of(socket->get());
  return status;
}

std::optional<EventFdCounts> count_event_fds(pid_t pid) {
  std::error_code error;
  const std::filesystem::directory_iterator all(text("/proc/{}/fdinfo", pid), error);
  if (error) return std::nullopt;
  EventFdCounts counts;
  for (const auto& entry : all)
    if (const auto count = count_of(entry.path())) {
      ++counts.all;
      counts.rung += *count > 0 ? 1 : 0;
    }
  return counts;
}

}  // namespace bellwire::host
