// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/record.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <iostream>
#include <optional>

#include "host/output/output_file.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t longest_answer = std::size_t{64} << 10;
constexpr std::size_t read_at_once = std::size_t{64} << 10;

Result<json::object> order_of(const RecordOptions& options) {
  json::object facts;
  for (const auto& fact : options.facts) {
    const auto told = parse_fact(fact);
    if (!told) return told.error();
    facts[told->name] = told->text;
  }
  json::object order{{"do", "record"}, {"facts", facts}};
  if (options.limits.seconds) order["seconds"] = *options.limits.seconds;
  if (options.limits.requests) order["requests"] = *options.limits.requests;
  return order;
}

// One recording, from the order to the file.
class Client {
 public:
  explicit Client(const RecordOptions& options) : options_(options) {}

  Result<void> run(const json::object& order) {
    boost::system::error_code error;
    socket_.connect({options_.socket}, error);
    if (error)
      return Error{error, text("{}: {}; start the device with --control {}", options_.socket,
                               error.message(), options_.socket)};
    auto file = OutputFile::create(options_.out);
    if (!file) return file.error();
    file_.emplace(std::move(*file));
    say(order);
    signals_.async_wait([this](const auto& cancelled, int) {
      if (!cancelled) say({{"do", "stop"}});
    });
    hear_on();
    context_.run();
    return result_ ? file_->commit() : result_;
  }

 private:
  void say(const json::object& order) {
    boost::system::error_code gone;  // which the next read tells
    asio::write(socket_, asio::buffer(json::serialize(order) + "\n"), gone);
  }

  void hear_on() {
    asio::async_read_until(socket_, asio::dynamic_buffer(read_, longest_answer), '\n',
                           [this](const auto& error, std::size_t size) {
                             if (error) return end(gone());
                             const auto line = read_.substr(0, size);
                             read_.erase(0, size);
                             hear(line);
                           });
  }

  void hear(const std::string& line) {
    boost::system::error_code error;
    const auto said = json::parse(line, error);
    const auto* const words = error ? nullptr : said.if_object();
    if (words == nullptr) return end(gone());
    if (const auto* const why = words->if_contains("error"))
      return end(fault(std::errc::protocol_error, "{}: {}", options_.socket,
                       why->is_string() ? why->as_string().c_str() : "refused"));
    const auto* const size = words->if_contains("trace");
    if (size == nullptr) {
      // Not into the trace.
      (file_->is_standard_output() ? std::cerr : std::cout)
          << "recording; Ctrl-C ends it" << std::endl;
      return hear_on();
    }
    left_ = size->to_number<std::uint64_t>(error);
    if (error) return end(gone());
    write(read_.data(), read_.size());
    read_.resize(read_at_once);
    copy_on();
  }

  void copy_on() {
    if (auto written = file_->flush(); !written || left_ == 0) return end(written);
    socket_.async_read_some(asio::buffer(read_), [this](const auto& error, std::size_t size) {
      if (error) return end(gone());
      write(read_.data(), size);
      copy_on();
    });
  }

  void write(const char* bytes, std::size_t size) {
    const auto ours = std::min<std::uint64_t>(size, left_);
    file_->stream().write(bytes, static_cast<std::streamsize>(ours));
    left_ -= ours;
  }

  void end(Result<void> result) {
    result_ = std::move(result);
    signals_.cancel();
  }

  [[nodiscard]] Error gone() const {
    return fault(std::errc::protocol_error,
                 "{}: the device went away before the trace was whole; record again",
                 options_.socket);
  }

  const RecordOptions& options_;
  asio::io_context context_{1};
  asio::local::stream_protocol::socket socket_{context_};
  asio::signal_set signals_{context_, SIGINT, SIGTERM, SIGHUP};
  std::optional<OutputFile> file_;
  std::string read_;
  std::uint64_t left_ = 0;
  Result<void> result_;
};

}  // namespace

Result<void> run_record(const RecordOptions& options) {
  const auto order = order_of(options);
  if (!order) return order.error();
  return Client(options).run(*order);
}

}  // namespace bellwire::host
