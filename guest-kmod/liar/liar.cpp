// SPDX-License-Identifier: BSD-3-Clause
//
// liar SOCKET [WORD=VALUE]…: a card (guest-kmod/uapi/bellwire.h, part 3) on that vfio-user socket
// that does what its driver asks for, and lies in the words given, to try the driver on the host's
// behalf (scripts/vmtests/hostile.py). It serves no request.
//
//     magic, queues, memory_size, status    what the registers read as; `status` once it is on
//     stopped                               what STATUS reads as once it was turned off
//     vectors                               of MSI-X; 0: none
//     bar0, bar0_io, bar2                   bytes of the BARs; 0: there is none
//     format.WORD                           a word of the memory's format, once it is on
//     raise                                 so many vectors are raised then
#include <boost/asio/signal_set.hpp>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <string>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/pci/function.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

using namespace bellwire;

namespace {

constexpr unsigned honest_queues = 8;
constexpr std::uint64_t honest_size = 1 << 20;

/// The words that it lies in; all others are as they should be.
class Lies {
 public:
  /// False: it is not a WORD=VALUE.
  bool add(std::string_view lie) {
    const auto equals = lie.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string value(lie.substr(equals + 1));
    char* end = nullptr;
    words_[std::string(lie.substr(0, equals))] = std::strtoull(value.c_str(), &end, 0);
    return !value.empty() && *end == '\0';
  }

  template <class T>
  [[nodiscard]] T get(const std::string& word, T truth) const {
    const auto found = words_.find(word);
    return found == words_.end() ? truth : static_cast<T>(found->second);
  }

  template <class T>
  void spoil(const std::string& word, T& place) const {
    place = get(word, place);
  }

 private:
  std::map<std::string, std::uint64_t> words_;
};

class Liar final : public pci::Function, private RegisterBlock {
 public:
  explicit Liar(const Lies& lies) : Function(plan(*this, lies)), lies_(lies) {}

 private:
  static pci::Plan plan(RegisterBlock& registers, const Lies& lies) {
    pci::Plan plan;
    plan.identity = {.vendor = 0x1AF4, .device = BELLWIRE_CARD_ID, .class_code = 0x088000};
    const auto io = lies.get("bar0_io", std::uint64_t{0});
    const auto size = lies.get("bar0", std::uint64_t{2 * BELLWIRE_CARD_OWN});
    if (io != 0)
      plan.bars[0] = {.shape = {pci::BarKind::io, io}, .registers = &registers};
    else if (size != 0)
      plan.bars[0] = {.shape = {pci::BarKind::memory32, size}, .registers = &registers};
    if (const auto page = lies.get("bar2", std::uint64_t{0}); page != 0)
      plan.bars[2] = {.shape = {pci::BarKind::memory64, page, true}};
    plan.msix.vectors = lies.get("vectors", honest_queues);
    return plan;
  }

  std::uint64_t read(std::uint64_t offset, unsigned) noexcept override {
    switch (offset) {
      case BELLWIRE_CARD_MAGIC:
        return lies_.get("magic", BELLWIRE_CARD_MAGIC_VALUE);
      case BELLWIRE_CARD_QUEUES:
        return lies_.get("queues", honest_queues);
      case BELLWIRE_CARD_MEMORY_SIZE:
        return lies_.get("memory_size", honest_size);
      case BELLWIRE_CARD_STATUS:
        return status_;
      default:
        return 0;
    }
  }

  void write(std::uint64_t offset, unsigned, std::uint64_t value) noexcept override {
    constexpr unsigned half = 32;
    if (offset == BELLWIRE_CARD_MEMORY_LOW) address_ = value;
    if (offset == BELLWIRE_CARD_MEMORY_HIGH) address_ |= value << half;
    if (offset != BELLWIRE_CARD_CONTROL) return;
    if (value == BELLWIRE_CARD_ENABLE)
      turn_on();
    else
      status_ = lies_.get("stopped", std::uint32_t{BELLWIRE_CARD_OFF});
  }

  void turn_on() noexcept {
    const auto view = memory().map(address_, lies_.get("memory_size", honest_size));
    const auto queues = lies_.get("queues", honest_queues);
    if (!view || !ring::format(view->bytes(), queues)) {
      status_ = BELLWIRE_CARD_BAD_MEMORY;
      return;
    }
    spoil(*reinterpret_cast<bellwire_format*>(view->bytes().data()));
    status_ = lies_.get("status", std::uint32_t{BELLWIRE_CARD_READY});
    for (unsigned vector = 0; vector < lies_.get("raise", 0U); ++vector)
      interrupts().vector(vector).raise();
  }

  void spoil(bellwire_format& format) const {
    lies_.spoil("format.magic", format.magic);
    lies_.spoil("format.version", format.version);
    lies_.spoil("format.queues", format.queues);
    lies_.spoil("format.size", format.size);
    lies_.spoil("format.queue_offset", format.queue_offset);
    lies_.spoil("format.queue_stride", format.queue_stride);
    lies_.spoil("format.ring_entries", format.ring_entries);
    lies_.spoil("format.trace_entries", format.trace_entries);
    lies_.spoil("format.reserved", format.reserved[3]);
  }

  const Lies lies_;
  std::uint64_t address_ = 0;
  std::uint32_t status_ = BELLWIRE_CARD_OFF;
};

int serve(const char* path, const Lies& lies) {
  boost::asio::io_context context(1);
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&context](const auto&, int) { context.stop(); });
  Liar liar(lies);
  const auto server = vfio_user::Server::create(context, liar, {.path = path});
  if (!server) {
    std::cerr << "liar: " << server.error().message << '\n';
    return 1;
  }
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Lies lies;
  bool understood = argc >= 2;
  for (int index = 2; index < argc; ++index) understood = lies.add(argv[index]) && understood;
  if (understood) return serve(argv[1], lies);
  std::cerr << "usage: liar SOCKET [WORD=VALUE]...\n";
  return 2;
}
