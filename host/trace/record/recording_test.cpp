// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/recording.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <future>

#include "vdev/devices/echo.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using host::RecordingThread;

namespace {

const host::TraceFacts facts{.transport = "in-process", .device = "echo"};

struct Scene {
  Scene() { ring::format(wires.device_end().memory.bytes(), 1).value(); }

  [[nodiscard]] ring::Layout layout() const {
    return ring::Layout::open(wires.device_end().memory).value();
  }
  void begin(RecordingThread::Ended ended) {
    thread.run([&] { thread.begin(facts, {}, std::move(ended)).value(); });
  }
  void end() {
    thread.run([&] { thread.end(); });
  }
  [[nodiscard]] bool recorded() const {
    return ring::load(layout().queue(0).control->recording.recording, ring::acquire) != 0;
  }

  Wires wires = Wires::create(1);
  RecordingThread thread;
};

}  // namespace

// Were the device to wait, it would do so for ever.
TEST_CASE("a device comes and goes while a trace is being made") {
  Scene scene;
  std::promise<void> made, sent;
  scene.begin([&](const std::string&) {
    made.set_value();
    sent.get_future().wait();
  });
  std::thread ender([&] { scene.end(); });
  made.get_future().wait();
  for (int times = 0; times < 3; ++times) {
    scene.thread.attach(scene.layout());
    scene.thread.detach();
  }
  sent.set_value();
  ender.join();
}

TEST_CASE("a fault of the guest is in the trace of the queues that it used") {
  Scene scene;
  std::string trace;
  scene.thread.run([&] { scene.thread.note("freeze guest 1"); });  // nothing is recorded yet
  scene.begin([&](const std::string& made) { trace = made; });
  Echo echo;
  std::optional<RunningDevice> running(std::in_place, echo, scene.wires.device_end());
  scene.thread.attach(scene.layout());
  scene.thread.run([&] { scene.thread.note("freeze guest 2"); });  // no request has been made
  Driver driver(scene.wires.guest_end(), 0);
  for (int calls = 0; calls < 5; ++calls) driver.call(bytes("hello"));
  scene.thread.run([&] { scene.thread.note("freeze guest 3"); });
  running.reset();
  scene.thread.detach();
  scene.end();
  const auto file = boost::json::parse(trace).as_object();
  const auto& faults = file.at("faults").as_array();
  REQUIRE(faults.size() == 1);
  const auto& fault = faults[0].as_object();
  CHECK(fault.at("what") == "freeze guest 3");
  CHECK(fault.at("queue").to_number<unsigned>() == 0);
  CHECK(fault.at("index").to_number<unsigned>() == 4);
}

TEST_CASE("what was recorded until the device went is in the trace") {
  Scene scene;
  std::string trace;
  scene.begin([&](const std::string& made) { trace = made; });
  for (int lives = 0; lives < 2; ++lives) {
    Echo echo;
    std::optional<RunningDevice> running(std::in_place, echo, scene.wires.device_end());
    scene.thread.attach(scene.layout());
    CHECK(scene.recorded());
    Driver driver(scene.wires.guest_end(), 0);
    for (int calls = 0; calls < 5; ++calls) driver.call(bytes("hello"));
    running.reset();
    scene.thread.detach();
    CHECK_FALSE(scene.recorded());
  }
  scene.end();
  std::size_t requests = 0;
  for (auto at = trace.find("\"index\""); at != std::string::npos;
       at = trace.find("\"index\"", at + 1))
    ++requests;
  CHECK(requests == 10);
}
