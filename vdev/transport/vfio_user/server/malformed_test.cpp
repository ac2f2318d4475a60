// SPDX-License-Identifier: BSD-3-Clause
//
// Every command with every kind of malformed message: it gets EINVAL, or the connection is closed
// where the stream can't be trusted. Meanwhile another device in the process answers, and in the
// end nobody has lost or gained a descriptor.
#include <doctest/doctest.h>

#include "vdev/testing/vfio_user_messages.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

Bytes version(std::uint16_t major, std::string_view text) {
  auto payload = bytes_of(Version{major, 0});
  append(payload, std::as_bytes(std::span(text)));
  return payload;
}

const char* const bad_version_data[] = {"",
                                        "x",
                                        "{",
                                        "[]",
                                        "{}}",
                                        "{\"capabilities\":3}",
                                        "{\"capabilities\":{\"max_msg_fds\":-1}}",
                                        "{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
                                        "{\"capabilities\":{\"max_data_xfer_size\":0.5}}",
                                        "{\"capabilities\":{\"write_multiple\":1}}",
                                        "[[[[[[[[[[[[[[[[[[[["};

}  // namespace

TEST_CASE("sound messages are accepted, so that what follows is about what is wrong") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  for (const auto& sound : sound_messages()) {
    CAPTURE(static_cast<int>(sound.command));
    CHECK(client.ask(sound.command, sound.payload, scene.fds(sound.command, sound.fds)) ==
          sound.outcome);
  }
}

TEST_CASE("a payload of another size") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& sound : sound_messages()) {
    if (sound.length == Length::any) continue;
    CAPTURE(static_cast<int>(sound.command));
    for (std::size_t size = 0; size < sound.payload.size(); ++size)
      CHECK(
          client.ask(sound.command,
                     Bytes(sound.payload.begin(), sound.payload.begin() + static_cast<long>(size)),
                     scene.fds(sound.command, sound.fds)) == EINVAL);
    // Of DMA_UNMAP there is nothing to unmap; what counts is that it is understood.
    for (const std::size_t more : {1U, 4032U, 5000U}) {
      const auto outcome = client.ask(sound.command, sound.payload + Bytes(more, std::byte{0xFF}),
                                      scene.fds(sound.command, sound.fds));
      CHECK((outcome == EINVAL) == (sound.length == Length::exact));
    }
    scene.check_neighbour();
  }
  CHECK(open_fds() == before);
}

TEST_CASE("flags that are unknown, or of a reply") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& sound : sound_messages())
    for (const auto flag : {flags::error, std::uint32_t{1} << 6, std::uint32_t{1} << 31}) {
      CAPTURE(static_cast<int>(sound.command));
      client.say(command_header(sound.command, 7, flag), sound.payload,
                 scene.fds(sound.command, sound.fds));
      CHECK(client.outcome() == EINVAL);
      CHECK(client.last.header.id == 7);
      CHECK(client.last.payload.empty());
    }
  scene.check_neighbour();
  CHECK(open_fds() == before);
}

TEST_CASE("descriptors that a command has no use for are closed") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& sound : sound_messages()) {
    if (sound.command == Command::dma_map || sound.command == Command::device_set_irqs) continue;
    for (const std::size_t count : {1U, 3U, 16U, 17U}) {
      CAPTURE(static_cast<int>(sound.command));
      CAPTURE(count);
      (void)client.ask(Command::dma_map, dma_map(32, both, 0, 0, page_size));  // to be unmapped
      CHECK(client.ask(sound.command, sound.payload, scene.fds(sound.command, count)) ==
            (count > most_message_fds ? EINVAL : sound.outcome));
    }
  }
  scene.check_neighbour();
  CHECK(open_fds() == before);
}

TEST_CASE("another number of descriptors than the command needs") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& sound : sound_messages())
    for (const std::size_t count : {1U, 2U, 3U, 17U}) {
      const bool counts =
          sound.command == Command::dma_map || sound.command == Command::device_set_irqs;
      if (!counts || count == sound.fds) continue;
      CAPTURE(static_cast<int>(sound.command));
      CHECK(client.ask(sound.command, sound.payload, scene.fds(sound.command, count)) == EINVAL);
    }
  scene.check_neighbour();
  CHECK(open_fds() == before);
}

TEST_CASE("descriptors of another kind") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  CHECK(client.ask(Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2),
                   {scene.events[0].fd(), scene.memory.get()}) == EINVAL);
  CHECK(client.ask(Command::dma_map, dma_map(32, both, 0, 0, page_size), {scene.events[0].fd()}) ==
        EINVAL);
  CHECK(open_fds() == before);
}

TEST_CASE("fields that make no sense") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, 16 * page_size, 4 * page_size)) ==
          accepted);
  const auto before = open_fds();
  for (const auto& wrong : unsound_messages()) {
    CAPTURE(static_cast<int>(wrong.command));
    CAPTURE(wrong.what);
    CHECK(client.ask(wrong.command, wrong.payload, scene.fds(wrong.command, wrong.fds)) ==
          wrong.outcome);
    scene.check_neighbour();
  }
  CHECK(open_fds() == before);
  // Nothing was done: the bundle with a bad write in it did not do its good one.
  REQUIRE(client.ask(Command::region_read, access(TestFunction::narrow.offset, 0, 1)) == accepted);
  CHECK(client.last.payload.back() == std::byte{0});
  CHECK(scene.served.with([](auto& function) { return function.memory().regions(); }) == 1);
}

TEST_CASE("malformed commands without a reply stay without one") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  for (const auto& wrong : unsound_messages())
    client.say(command_header(wrong.command, 9, flags::no_reply), wrong.payload,
               scene.fds(wrong.command, wrong.fds));
  client.say(command_header(Command::device_reset, 10), {});
  CHECK(client.outcome() == accepted);
  CHECK(client.last.header.id == 10);
}

TEST_CASE("any command before the version, and the version for a second time") {
  AttackFixture scene;
  const auto before = scene.settled_fds();
  auto client = scene.attacker();
  for (const auto& sound : sound_messages()) {
    CAPTURE(static_cast<int>(sound.command));
    CHECK(client.ask(sound.command, sound.payload, scene.fds(sound.command, sound.fds)) == EINVAL);
  }
  CHECK(open_fds() == before);
  client.agree();
  CHECK(client.ask(Command::version, write_version()) == EINVAL);
  CHECK(scene.served.clients() == 2);
}

TEST_CASE("versions that are not ours, and version data that is nonsense") {
  AttackFixture scene;
  auto client = scene.attacker();
  CHECK(client.ask(Command::version, version(1, std::string_view("{}\0", 3))) == EINVAL);
  for (const auto* const text : bad_version_data) {
    CAPTURE(text);
    CHECK(client.ask(Command::version, version(0, std::string_view(text, strlen(text) + 1))) ==
          EINVAL);
  }
  CHECK(client.ask(Command::version, version(0, "{}")) == EINVAL);  // no NUL
  CHECK(client.ask(Command::version, version(0, std::string_view("{\0}\0", 4))) == EINVAL);
  CHECK(client.ask(Command::version, version(0, std::string(5000, ' '))) == EINVAL);
  CHECK(client.ask(Command::version, {}) == EINVAL);
  CHECK(client.ask(Command::version, version(0, "")) == accepted);  // the data is optional
}

TEST_CASE("a descriptor with the version is closed") {
  AttackFixture scene;
  const auto before = scene.settled_fds();
  auto client = scene.attacker();
  CHECK(client.ask(Command::version, write_version(), {scene.memory.get()}) == accepted);
  CHECK(open_fds() == before);
}
