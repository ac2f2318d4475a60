// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/control_peer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "host/trace/record/status.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t longest_order = 4096;

Error misspelt(const char* what) {
  return fault(std::errc::invalid_argument, "{}: see host/trace/record/control.hpp", what);
}

// A positive number, or nothing where the name is missing.
template <class Number>
Result<std::optional<Number>> positive(const json::object& order, std::string_view name) {
  const auto* const value = order.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<Number>();
  boost::system::error_code error;
  const auto number = value->to_number<Number>(error);
  if (error || !(number > 0)) return misspelt("a limit is no positive number");
  return std::optional(number);
}

Result<void> take_facts(const json::object& told, TraceFacts& facts) {
  for (const auto& [name, text] : told) {
    if (!text.is_string()) return misspelt("a fact is no text");
    const NamedFact fact{std::string(name), std::string(text.get_string())};
    if (auto added = add_fact(facts, fact); !added) return added;
  }
  return {};
}

}  // namespace

std::shared_ptr<ControlPeer> ControlPeer::start(RecordingThread& thread, const TraceFacts& facts,
                                                os::UniqueFd socket) {
  const std::shared_ptr<ControlPeer> peer(new ControlPeer(thread, facts));
  boost::system::error_code error;
  peer->socket_.assign(asio::local::stream_protocol(), socket.get(), error);
  if (error) return peer;
  static_cast<void>(socket.release());
  peer->read_on();
  return peer;
}

void ControlPeer::read_on() {
  asio::async_read_until(
      socket_, asio::dynamic_buffer(read_, longest_order), '\n',
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
        if (error == asio::error::not_found) return self->refuse(misspelt("a line is too long"));
        if (error) return self->left();
        const auto line = self->read_.substr(0, size);
        self->read_.erase(0, size);
        self->hear(line);
      });
}

void ControlPeer::hear(const std::string& line) {
  boost::system::error_code error;
  const auto said = json::parse(line, error);
  if (error || !said.is_object()) return refuse(misspelt("a line is no JSON object"));
  if (auto obeyed = obey(said.as_object()); !obeyed) return refuse(obeyed.error());
  if (socket_.is_open()) read_on();
}

Result<void> ControlPeer::obey(const json::object& order) {
  const auto* const what = order.if_contains("do");
  if (what == nullptr || !what->is_string()) return misspelt("a line has no \"do\"");
  if (what->as_string() == "record") return record(order);
  if (what->as_string() == "status") return tell_status();
  if (what->as_string() != "stop") return misspelt("an unknown \"do\"");
  if (recording_) thread_.end();
  return {};
}

Result<void> ControlPeer::record(const json::object& order) {
  const auto seconds = positive<double>(order, "seconds");
  if (!seconds) return seconds.error();
  const auto requests = positive<std::uint64_t>(order, "requests");
  if (!requests) return requests.error();
  auto facts = facts_;
  if (const auto* const told = order.if_contains("facts"); told != nullptr && told->is_object())
    if (auto taken = take_facts(told->get_object(), facts); !taken) return taken;
  auto begun = thread_.begin(facts, {.seconds = *seconds, .requests = *requests},
                             [self = shared_from_this()](const std::string& trace) {
                               self->recording_ = false;
                               if (!self->socket_.is_open()) return;
                               self->send(text("{{\"trace\":{}}}\n", trace.size()) + trace, true);
                             });
  if (!begun) return begun;
  recording_ = true;
  send("{\"began\":true}\n", false);
  return {};
}

Result<void> ControlPeer::tell_status() {
  if (!outbox_.empty())  // it asks and asks, and reads nothing
    return fault(std::errc::no_buffer_space, "read what was answered before you ask again");
  const auto status =
      thread_.with_layout([this](const ring::Layout* layout) { return status_of(layout, facts_); });
  send(json::serialize(json::object{{"status", status}}) + "\n", false);
  return {};
}

// A peer that hangs up wants no trace any more.
void ControlPeer::left() {
  if (sending_last_) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (recording_) thread_.drop();
}

void ControlPeer::send(const std::string& text, bool last) {
  if (sending_last_) return;
  sending_last_ = last;
  outbox_ += text;
  if (writing_.empty()) write_on();
}

void ControlPeer::write_on() {
  writing_.swap(outbox_);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const auto& error, std::size_t) {
                      self->writing_.clear();
                      if (!error && !self->outbox_.empty()) return self->write_on();
                      boost::system::error_code ignored;
                      if (error || self->sending_last_) self->socket_.close(ignored);
                    });
}

void ControlPeer::refuse(const Error& error) {
  send(json::serialize(json::object{{"error", error.message}}) + "\n", true);
}

}  // namespace bellwire::host
