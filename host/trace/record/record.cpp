// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire trace record`: a client of a device's control socket, from its request to the trace
// file. On one thread. A signal asks the device to stop recording, and the trace is still written.
// A second one ends the program at once, and so does the first if the device has not answered.
#include <CLI/CLI.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <iostream>
#include <optional>

#include "host/cli/help.hpp"
#include "host/cli/options.hpp"
#include "host/cli/subcommands.hpp"
#include "host/trace/record/control.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t longest_answer = std::size_t{64} << 10;
constexpr std::size_t read_at_once = std::size_t{64} << 10;
constexpr std::chrono::seconds answer_patience{
    2};  // a device answers at once, whatever else it does …
constexpr std::chrono::seconds between_reports{5};  // … but making a long trace takes its time
constexpr double longest_deadline = 1e6;            // seconds

struct RecordOptions {
  std::string socket;              // of a ControlServer
  std::optional<std::string> out;  // the trace file
  RecordingLimits limits;
  std::vector<std::string> facts;  // NAME=TEXT
};

Result<json::object> request_of(const RecordOptions& options) {
  json::object facts;
  for (const auto& words : options.facts) {
    const auto fact = parse_fact(words);
    if (!fact) return fact.error();
    facts[fact->name] = fact->text;
  }
  json::object request{{"do", "record"}, {"facts", facts}};
  if (options.limits.seconds) request["seconds"] = *options.limits.seconds;
  if (options.limits.requests) request["requests"] = *options.limits.requests;
  return request;
}

// One recording.
class RecordClient {
 public:
  explicit RecordClient(const RecordOptions& options) : options_(options) {}

  // An older file stays as it was unless the whole trace came.
  Result<void> run(const json::object& request) {
    if (auto connected = connect(); !connected) return connected;
    auto file = create_file(options_.out);
    if (!file) return file.error();
    file_.emplace(std::move(**file));  // the option is required
    send(request);
    expect_answer({});
    wait_for_signal();
    read_answer();
    context_.run();
    return result_ ? file_->commit() : result_;
  }

 private:
  Result<void> connect() {
    auto socket = connect_control(options_.socket);
    if (!socket) return socket.error();
    boost::system::error_code error;
    socket_.assign(asio::local::stream_protocol(), socket->get(), error);
    if (error) return Error{error, text("{}: {}", options_.socket, error.message())};
    static_cast<void>(socket->release());
    return {};
  }

  void wait_for_signal() {
    signals_.async_wait([this](const auto& cancelled, int) {
      if (cancelled) return;
      if (std::exchange(give_up_, true))
        return end(fault(std::errc::operation_canceled,
                         "{}: ended by a signal before the trace was complete", options_.socket));
      if (recording_) {
        send({{"do", "stop"}});
        expect_answer({});
      }
      wait_for_signal();
    });
  }

  void expect_answer(std::chrono::duration<double> recording) {
    timer_.expires_after(answer_patience +
                         std::chrono::duration_cast<asio::steady_timer::duration>(recording));
    timer_.async_wait([this](const auto& cancelled) {
      if (!cancelled)
        end(fault(std::errc::timed_out, "{}: no answer for {} s; is the device stopped?",
                  options_.socket, answer_patience.count()));
    });
  }

  void expect_trace() {
    timer_.expires_after(between_reports);
    timer_.async_wait([this](const auto& cancelled) {
      if (cancelled) return;
      give_up_ = true;
      log::warning("{}: still waiting for the trace; Ctrl-C cancels", options_.socket);
      expect_trace();
    });
  }

  void send(const json::object& request) {
    boost::system::error_code gone;  // the next read reports it
    asio::write(socket_, asio::buffer(json::serialize(request) + "\n"), gone);
  }

  void read_answer() {
    asio::async_read_until(socket_, asio::dynamic_buffer(read_, longest_answer), '\n',
                           [this](const auto& error, std::size_t size) {
                             if (error) return end(gone());
                             const auto line = read_.substr(0, size);
                             read_.erase(0, size);
                             handle(line);
                           });
  }

  void handle(const std::string& line) {
    boost::system::error_code error;
    const auto parsed = json::parse(line, error);
    const auto* const answer = error ? nullptr : parsed.if_object();
    if (answer == nullptr) return end(gone());
    if (const auto* const why = answer->if_contains("error"))
      return end(fault(std::errc::protocol_error, "{}: {}", options_.socket,
                       why->is_string() ? why->as_string().c_str() : "refused"));
    if (answer->contains("began")) return begin();
    recording_ = false;
    expect_trace();
    const auto* const size = answer->if_contains("trace");
    if (size == nullptr) return read_answer();
    left_ = size->to_number<std::uint64_t>(error);
    if (error) return end(gone());
    write(read_.data(), read_.size());
    read_.resize(read_at_once);
    copy_trace();
  }

  void begin() {
    recording_ = true;
    give_up_ = false;
    timer_.cancel();
    if (options_.limits.seconds.value_or(longest_deadline) < longest_deadline)
      expect_answer(std::chrono::duration<double>(*options_.limits.seconds));
    // Never into the trace itself.
    (file_->is_standard_output() ? std::cerr : std::cout)
        << "recording; Ctrl-C ends it" << std::endl;
    read_answer();
  }

  void copy_trace() {
    if (auto written = file_->flush(); !written || left_ == 0) return end(written);
    socket_.async_read_some(asio::buffer(read_), [this](const auto& error, std::size_t size) {
      if (error) return end(gone());
      write(read_.data(), size);
      expect_trace();
      copy_trace();
    });
  }

  void write(const char* bytes, std::size_t size) {
    const auto ours = std::min<std::uint64_t>(size, left_);
    file_->stream().write(bytes, static_cast<std::streamsize>(ours));
    left_ -= ours;
  }

  void end(Result<void> result) {
    result_ = std::move(result);
    context_.stop();
  }

  [[nodiscard]] Error gone() const {
    return fault(std::errc::protocol_error,
                 "{}: the device ended before the trace was complete; record again",
                 options_.socket);
  }

  const RecordOptions& options_;
  asio::io_context context_{1};
  asio::local::stream_protocol::socket socket_{context_};
  asio::signal_set signals_{context_, SIGINT, SIGTERM, SIGHUP};
  asio::steady_timer timer_{context_};
  std::optional<OutputFile> file_;
  bool recording_ = false;  // the device, for us
  bool give_up_ = true;     // at the next signal
  std::string read_;
  std::uint64_t left_ = 0;
  Result<void> result_;
};

Result<void> run_record(const RecordOptions& options) {
  const auto request = request_of(options);
  if (!request) return request.error();
  return RecordClient(options).run(*request);
}

}  // namespace

void add_record(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("record", "Record the requests of a running device");
  command->footer(
      "\nWithout a limit it records until Ctrl-C. The device must have been started with "
      "--control.");
  auto options = std::make_shared<RecordOptions>();
  command->add_option("SOCKET", options->socket, "The device's control socket")->required();
  add_file(*command, "--out", options->out, "Write the trace to FILE")->required();
  command->add_option("--seconds", options->limits.seconds, "Record for S seconds")
      ->check(above_zero())
      ->type_name("S");
  command->add_option("--requests", options->limits.requests, "Record N requests, or a few more")
      ->check(above_zero())
      ->type_name("N");
  add_facts(*command, options->facts);
  command->callback([&run, options] { run = [options] { return run_record(*options); }; });
}

}  // namespace bellwire::host
