// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/control.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "host/trace/record/status.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/acceptor.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/steps/stepper.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t longest_request = 4096;
constexpr const char* given_line = "{\"given\":true}\n";
constexpr const char* noted_line = "{\"noted\":true}\n";
constexpr std::size_t longest_note = 64;
constexpr std::chrono::seconds quiet_time{2};  // then a client makes room for another

Error bad_request(const char* what) {
  return fault(std::errc::invalid_argument, "{}: see host/trace/record/control.hpp", what);
}

std::string error_line(const std::string& message) {
  return json::serialize(json::object{{"error", message}}) + "\n";
}

// A positive number; empty where the name is missing.
template <class Number>
Result<std::optional<Number>> positive(const json::object& request, std::string_view name) {
  const auto* const value = request.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<Number>();
  boost::system::error_code error;
  const auto number = value->to_number<Number>(error);
  if (error || !(number > 0)) return bad_request("a limit is not a positive number");
  return std::optional(number);
}

// Empty: all.
Result<std::optional<unsigned>> queue_of(const json::object& request) {
  const auto* const value = request.if_contains("queue");
  if (value == nullptr || value->is_null()) return std::optional<unsigned>();
  boost::system::error_code error;
  const auto queue = value->to_number<unsigned>(error);
  if (error || queue >= BELLWIRE_MAX_QUEUES)
    return bad_request("a queue is not a number from 0 on");
  return std::optional(queue);
}

Result<void> add_facts_of(const json::object& request, TraceFacts& facts) {
  const auto* const given = request.if_contains("facts");
  if (given == nullptr || !given->is_object()) return {};
  for (const auto& [name, text] : given->get_object()) {
    if (!text.is_string()) return bad_request("a fact is not a text");
    const NamedFact fact{std::string(name), std::string(text.get_string())};
    if (auto added = add_fact(facts, fact); !added) return added;
  }
  return {};
}

Result<bellwire_stage> stage_of(const json::object& stop) {
  const auto* const next = stop.if_contains("next");
  const auto found = std::ranges::find(
      trace::stages,
      next != nullptr && next->is_string() ? std::string_view(next->get_string()) : "",
      &trace::Stage::name);
  if (found == trace::stages.end()) return bad_request("a stop has no stage that there is");
  return static_cast<bellwire_stage>(found - trace::stages.begin());
}

std::string word_of(const json::object& object, std::string_view name) {
  const auto* const word = object.if_contains(name);
  return word != nullptr && word->is_string() ? escaped(word->get_string()) : "";
}

unsigned number_of(const json::object& object, std::string_view name) {
  boost::system::error_code error;
  const auto* const value = object.if_contains(name);
  const auto number = value != nullptr ? value->to_number<unsigned>(error) : 0;
  return error ? 0 : number;
}

bool truth_of(const json::object& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// The stop that a request names; empty: none.
Result<std::optional<steps::Stop>> read_stop(const json::object& request) {
  const auto* const given = request.if_contains("stop");
  if (given == nullptr || !given->is_object()) return std::optional<steps::Stop>();
  const auto& stop = given->get_object();
  const auto next = stage_of(stop);
  if (!next) return next.error();
  return std::optional<steps::Stop>({*next, number_of(stop, "queue"), word_of(stop, "file"),
                                     number_of(stop, "line"), word_of(stop, "function")});
}

// What is seen here comes first, and so is shown.
void add_values(const json::object& request, steps::Values& values) {
  const auto* const given = request.if_contains("values");
  if (given == nullptr || !given->is_object()) return;
  for (const auto& [name, value] : given->get_object()) {
    boost::system::error_code error;
    const auto number = value.to_number<std::uint64_t>(error);
    if (!error) values.push_back({std::string(name), number});
  }
}

}  // namespace

using Clock = std::chrono::steady_clock;

// A client's connection. It lives as long as data may come from its client, or is to be sent there.
class ControlConnection : public std::enable_shared_from_this<ControlConnection> {
 public:
  static std::shared_ptr<ControlConnection> start(RecordingThread& thread, const TraceFacts& facts,
                                                  os::UniqueFd socket) {
    const std::shared_ptr<ControlConnection> connection(new ControlConnection(thread, facts));
    boost::system::error_code error;
    connection->socket_.assign(asio::local::stream_protocol(), socket.get(), error);
    if (error) return connection;
    static_cast<void>(socket.release());
    connection->read_on();
    return connection;
  }

  /// Since when it has neither asked anything nor taken an answer. Empty: it is being served.
  [[nodiscard]] std::optional<Clock::time_point> quiet_since() const {
    return recording_ ? std::nullopt : std::optional(active_);
  }

  /// Makes room for another.
  void drop() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  /// Ends it, unless a trace is under way to the client. A client that has hung up wants none.
  void close() {
    if (sending_last_) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    if (recording_) thread_.drop();
  }

 private:
  ControlConnection(RecordingThread& thread, const TraceFacts& facts)
      : thread_(thread), facts_(facts), socket_(thread.context()) {}

  void read_on();
  void handle(const std::string& line);
  [[nodiscard]] Result<void> handle(const json::object& request);
  [[nodiscard]] Result<void> record(const json::object& request);
  [[nodiscard]] Result<void> send_status();
  [[nodiscard]] Result<void> give_fault(const json::object& request);
  [[nodiscard]] Result<void> end_faults();
  [[nodiscard]] Result<void> note(const json::object& request);
  [[nodiscard]] Result<void> step(const json::object& request);
  [[nodiscard]] Result<void> draw(const json::object& request, steps::Stepper::Held held);
  void refuse(const Error& error);
  void send(const std::string& text, bool last);
  void write_on();

  RecordingThread& thread_;
  const TraceFacts facts_;
  asio::local::stream_protocol::socket socket_;
  std::string read_;
  std::string outbox_;         // to be written next,
  std::string writing_;        // and now
  bool recording_ = false;     // for this client
  bool sending_last_ = false;  // nothing follows what is being sent
  Clock::time_point active_ = Clock::now();
  std::optional<steps::Screen> screen_;
};

void ControlConnection::read_on() {
  asio::async_read_until(
      socket_, asio::dynamic_buffer(read_, longest_request), '\n',
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
        if (error == asio::error::not_found) return self->refuse(bad_request("a line is too long"));
        if (error) return self->close();
        const auto line = self->read_.substr(0, size);
        self->read_.erase(0, size);
        self->handle(line);
      });
}

void ControlConnection::handle(const std::string& line) {
  active_ = Clock::now();
  boost::system::error_code error;
  const auto request = json::parse(line, error);
  if (error || !request.is_object()) return refuse(bad_request("a line is not a JSON object"));
  if (auto done = handle(request.as_object()); !done) return refuse(done.error());
  if (socket_.is_open()) read_on();
}

Result<void> ControlConnection::handle(const json::object& request) {
  const auto* const what = request.if_contains("do");
  if (what == nullptr || !what->is_string()) return bad_request("a line has no \"do\"");
  if (what->as_string() == "record") return record(request);
  if (what->as_string() == "status") return send_status();
  if (what->as_string() == "fault") return give_fault(request);
  if (what->as_string() == "end faults") return end_faults();
  if (what->as_string() == "note") return note(request);
  if (what->as_string() == "step") return step(request);
  if (what->as_string() != "stop") return bad_request("an unknown \"do\"");
  if (recording_) thread_.end();
  return {};
}

Result<void> ControlConnection::record(const json::object& request) {
  const auto seconds = positive<double>(request, "seconds");
  if (!seconds) return seconds.error();
  const auto requests = positive<std::uint64_t>(request, "requests");
  if (!requests) return requests.error();
  auto facts = facts_;
  if (auto added = add_facts_of(request, facts); !added) return added;
  auto begun = thread_.begin(
      facts, {.seconds = *seconds, .requests = *requests},
      [self = shared_from_this()](const std::string& trace) {
        self->recording_ = false;
        if (!self->socket_.is_open()) return;
        self->send(text("{{\"trace\":{}}}\n", trace.size()) + trace, true);
      },
      [self = shared_from_this()] {
        if (self->socket_.is_open()) self->send("{\"over\":true}\n", false);
      });
  if (!begun) return begun;
  recording_ = true;
  send("{\"began\":true}\n", false);
  return {};
}

Result<void> ControlConnection::send_status() {
  if (!outbox_.empty())  // it keeps asking, and reads nothing
    return fault(std::errc::no_buffer_space, "read the answers before sending more requests");
  const auto status = thread_.with_layout([this](const ring::Layout* layout) {
    return status_of(layout, facts_, thread_.log(), thread_.faults());
  });
  send(json::serialize(json::object{{"status", status}}) + "\n", false);
  return {};
}

Result<void> ControlConnection::give_fault(const json::object& request) {
  const auto* const words = request.if_contains("plan");
  if (words == nullptr || !words->is_string()) return bad_request("a fault has no \"plan\"");
  const auto queue = queue_of(request);
  if (!queue) return queue.error();
  const auto plan = FaultPlan::parse(std::string_view(words->get_string()));
  if (!plan) return plan.error();
  if (thread_.faults() == nullptr) return FaultTally(FaultPlan()).give(*plan, *queue);
  if (auto given = thread_.faults()->give(*plan, *queue); !given) return given;
  log::warning("a client of the control socket gave the fault '{}'{}", describe(*plan),
               *queue ? text(" on queue {}", **queue) : "");
  send(given_line, false);
  return {};
}

Result<void> ControlConnection::end_faults() {
  if (thread_.faults() != nullptr) thread_.faults()->end_given();
  send(given_line, false);
  return {};
}

Result<void> ControlConnection::note(const json::object& request) {
  const auto words = word_of(request, "fault");
  if (words.empty() || words.size() > longest_note)
    return bad_request("a note has no \"fault\" of up to 64 bytes");
  thread_.note(words);
  send(noted_line, false);
  return {};
}

Result<void> ControlConnection::step(const json::object& request) {
  auto* const stepper = thread_.stepper();
  if (stepper == nullptr)
    return fault(std::errc::invalid_argument,
                 "the device is not in slow motion: start it with --step=control");
  const auto act = word_of(request, "act");
  if (act == "draw") return draw(request, stepper->look());
  if (act == "next") stepper->next();
  if (act == "run") stepper->run();
  if (act != "show" && act != "next" && act != "run") return bad_request("an unknown \"act\"");
  const auto held = stepper->look();
  send(text("{{\"step\":{{\"stop\":{},\"runs\":{},\"values\":{}}}}}\n", steps::json_of(held.stop),
            held.runs, steps::json_of(held.values)),
       false);
  return {};
}

Result<void> ControlConnection::draw(const json::object& request, steps::Stepper::Held held) {
  auto given = read_stop(request);
  if (!given) return given.error();
  const auto stop = *given ? *given : held.stop;
  if (!stop) return bad_request("nothing is held");
  add_values(request, held.values);
  if (!screen_)
    screen_.emplace(steps::Screen::Look{.colour = truth_of(request, "colour"),
                                        .clear = truth_of(request, "clear"),
                                        .keys = truth_of(request, "keys")});
  send(json::serialize(json::object{{"screen", screen_->draw(*stop, held.values)}}) + "\n", false);
  return {};
}

void ControlConnection::refuse(const Error& error) {
  send(error_line(error.message), true);
}

void ControlConnection::send(const std::string& text, bool last) {
  if (sending_last_) return;
  sending_last_ = last;
  outbox_ += text;
  if (writing_.empty()) write_on();
}

void ControlConnection::write_on() {
  writing_.swap(outbox_);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const auto& error, std::size_t) {
                      self->writing_.clear();
                      self->active_ = Clock::now();
                      if (!error && !self->outbox_.empty()) return self->write_on();
                      boost::system::error_code ignored;
                      if (error || self->sending_last_) self->socket_.close(ignored);
                    });
}

struct ControlServer::State {
  State(RecordingThread& recording, TraceFacts known)
      : thread(recording), facts(std::move(known)) {}

  void take(os::UniqueFd socket) {
    std::erase_if(connections, [](const auto& connection) { return connection.expired(); });
    if (connections.size() == ControlServer::most_clients) drop_quietest();
    if (connections.size() == ControlServer::most_clients) return turn_away(socket.get());
    connections.push_back(ControlConnection::start(thread, facts, std::move(socket)));
  }

  void drop_quietest() {
    const auto since = [](const std::weak_ptr<ControlConnection>& weak) {
      return weak.lock()->quiet_since().value_or(Clock::time_point::max());
    };
    const auto quietest = std::ranges::min_element(connections, {}, since);
    if (since(*quietest) > Clock::now() - quiet_time) return;
    log::warning(
        "a client of the control socket was dropped: it sends no request or reads no answer, and "
        "another client needs its place");
    quietest->lock()->drop();
    connections.erase(quietest);
  }

  // The line fits: nothing else was sent on that socket.
  static void turn_away(int socket) {
    const auto reason = text("{} clients are connected already; try again in a few seconds",
                             ControlServer::most_clients);
    log::warning("a client of the control socket was turned away: {}", reason);
    const auto line = error_line(reason);
    static_cast<void>(os::send_message(socket, std::as_bytes(std::span(line)), -1));
  }

  void close() {
    acceptor.reset();
    for (const auto& weak : connections)
      if (const auto connection = weak.lock()) connection->close();
  }

  RecordingThread& thread;
  const TraceFacts facts;
  std::optional<Acceptor> acceptor;
  std::vector<std::weak_ptr<ControlConnection>> connections;
};

ControlServer::ControlServer(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
ControlServer::ControlServer(ControlServer&&) noexcept = default;
ControlServer::~ControlServer() {
  if (state_) state_->thread.run([this] { state_->close(); });
}

Result<ControlServer> ControlServer::create(RecordingThread& thread, const TraceFacts& facts,
                                            const std::string& path) {
  auto listener = os::Listener::create(path);
  if (!listener) return listener.error();
  auto state = std::make_shared<State>(thread, facts);
  Result<void> accepting;
  thread.run([&] {
    auto acceptor = Acceptor::create(thread.context(), std::move(*listener),
                                     [weak = std::weak_ptr(state)](auto accepted) {
                                       if (const auto server = weak.lock())
                                         server->take(std::move(accepted.socket));
                                     });
    if (acceptor)
      state->acceptor = std::move(*acceptor);
    else
      accepting = acceptor.error();
  });
  if (!accepting) return accepting.error();
  return ControlServer(std::move(state));
}

Result<os::UniqueFd> connect_control(const std::string& path) {
  auto socket = os::connect_unix(path, {});
  if (socket) return socket;
  return Error{socket.error().code,
               text("{}; start the device with --control {}", socket.error().message, path)};
}

}  // namespace bellwire::host
