// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/transports.hpp"

#include <algorithm>
#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <charconv>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "host/device/vhost_user_service.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/transport/card/card.hpp"
#include "vdev/transport/in_process/in_process.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/kvm/kvm_transport.hpp"
#include "vdev/virtio/pci_function.hpp"

namespace bellwire::host {
namespace {

using Words = std::vector<std::string>;

Words split(std::string_view where) {
  Words words;
  if (!where.empty()) boost::split(words, where, boost::is_any_of(","));
  return words;
}

// An option KEY=N, and the bounds of N.
struct Number {
  std::string_view key;
  unsigned* target;
  unsigned least = 0, most = ~0u;
};

Result<void> read(std::string_view word, const Number& option) {
  const auto text = word.substr(option.key.size() + 1);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < option.least ||
      value > option.most)
    return fault(std::errc::invalid_argument, "{}: give a number from {} to {}", word, option.least,
                 option.most);
  *option.target = value;
  return {};
}

// Each of `words` must be one of `options`.
Result<void> read(std::string_view transport, std::span<const std::string> words,
                  std::initializer_list<Number> options) {
  std::string known;
  for (const auto& option : options)
    known += text("{}{}={}", known.empty() ? "" : ", ", option.key, option.most == 1 ? "0|1" : "N");
  for (const auto& word : words) {
    const auto* const option = std::ranges::find_if(options, [&word](const Number& candidate) {
      return word.starts_with(std::string(candidate.key) + '=');
    });
    if (option == options.end())
      return fault(std::errc::invalid_argument, "{} has no option '{}'; it has {}", transport, word,
                   known);
    if (auto done = read(word, *option); !done) return done.error();
  }
  return {};
}

constexpr unsigned most_wait = 3600;  // seconds
constexpr unsigned most_fd = 1 << 20;

// PATH[,slot=N][,vectors=N][,format=1][,wait=SECONDS]
Result<std::unique_ptr<Transport>> create_ivshmem(boost::asio::io_context& context,
                                                  std::string_view where, GuestPlan&,
                                                  const FdDemand&, int stop) {
  const auto words = split(where);
  ivshmem::PeerOptions endpoint{.path = words.empty() ? "" : words.front()};
  const auto options = std::span(words).subspan(words.empty() ? 0 : 1);
  unsigned format = 0, wait = 0;
  const auto done = read("ivshmem", options,
                         {{"slot", &endpoint.slot},
                          {"vectors", &endpoint.vectors},
                          {"format", &format, 0, 1},
                          {"wait", &wait, 0, most_wait}});
  if (!done) return done.error();
  endpoint.format = format != 0;
  endpoint.wait = std::chrono::seconds(wait);
  endpoint.stop = stop;
  auto peer = ivshmem::Peer::connect(context, endpoint);
  if (!peer) return peer.error();
  return std::unique_ptr<Transport>(std::move(*peer));
}

constexpr unsigned most_requests = 10'000'000;
constexpr unsigned most_depth = BELLWIRE_MAX_RING_ENTRIES;

// [rings=N][,depth=N], and of a guest in this process [,recover=0|1]
Number rings_of(GuestPlan& plan) {
  return {"rings", &plan.requests, 1, most_requests};
}
Number depth_of(GuestPlan& plan) {
  return {"depth", &plan.depth, 1, most_depth};
}

Result<std::unique_ptr<Transport>> create_in_process(boost::asio::io_context& context,
                                                     std::string_view where, GuestPlan& plan,
                                                     const FdDemand&, int) {
  unsigned recover = 1;
  const auto done = read("in-process", split(where),
                         {rings_of(plan), depth_of(plan), {"recover", &recover, 0, 1}});
  if (!done) return done.error();
  plan.recover = recover != 0;
  auto made = in_process::InProcess::create(context, {});
  if (!made) return made.error();
  return std::unique_ptr<Transport>(std::move(*made));
}

Result<std::unique_ptr<Transport>> create_kvm(boost::asio::io_context& context,
                                              std::string_view where, GuestPlan& plan,
                                              const FdDemand&, int) {
  if (auto done = read("kvm", split(where), {rings_of(plan), depth_of(plan)}); !done)
    return done.error();
  auto made = kvm::KvmTransport::create(context);
  if (!made) return made.error();
  return std::unique_ptr<Transport>(std::move(*made));
}

Result<Words> split_path(std::string_view where) {
  auto words = split(where);
  if (words.empty())
    return fault(std::errc::invalid_argument, "vfio-user needs a path: vfio-user:PATH");
  return words;
}

// PATH
Result<vfio_user::Server> serve_by_vfio_user(boost::asio::io_context& context,
                                             std::string_view where, pci::Function& function) {
  const auto words = split_path(where);
  if (!words) return words.error();
  if (words->size() > 1)
    return fault(std::errc::invalid_argument,
                 "vfio-user option '{}': a whole PCI device takes none", (*words)[1]);
  return vfio_user::Server::create(context, function, {.path = words->front()});
}

// A virtio device as a whole PCI device, and what serves it.
struct VirtioCard {
  std::unique_ptr<virtio::PciFunction> function;
  std::optional<vfio_user::Server> server;
};

struct VirtioPlace {
  std::string path;
  bool packed = true;  // whether packed rings are offered
};

constexpr std::string_view as_virtio = "virtio=1";

// PATH[,virtio=1][,packed=0|1]
Result<VirtioPlace> virtio_place(std::string_view where) {
  const auto words = split_path(where);
  if (!words) return words.error();
  unsigned packed = 1, virtio = 1;
  const auto done = read("vfio-user", std::span(*words).subspan(1),
                         {{"virtio", &virtio, 0, 1}, {"packed", &packed, 0, 1}});
  if (!done) return done.error();
  if (virtio == 0)
    return fault(std::errc::invalid_argument,
                 "virtio=0: a virtio device is no other PCI device: leave it out");
  return VirtioPlace{words->front(), packed != 0};
}

Result<VirtioService> serve_virtio_by_vfio_user(boost::asio::io_context& context,
                                                std::string_view where, virtio::Device& device,
                                                const VirtioPlan& plan) {
  auto options = plan.backend;
  // For a queue: its doorbell, two duplicates of that, and an interrupt.
  const unsigned each_queue =
      4 + Moderation::descriptors_each(options.moderate) + fault_descriptors(options.faults.get());
  const auto fds = card::descriptors({.queues = 0}) + each_queue * (device.traits().queues + 1);
  if (auto enough = os::ensure_more_fds(plan.places * fds + plan.other_descriptors); !enough)
    return enough.error();
  const auto place = virtio_place(where);
  if (!place) return place.error();
  options.packed = place->packed;
  auto function = virtio::PciFunction::create(context, device, options);
  if (!function) return function.error();
  auto server = vfio_user::Server::create(context, **function, {.path = place->path});
  if (!server) return server.error();
  return std::make_shared<VirtioCard>(VirtioCard{*std::move(function), *std::move(server)});
}

// More memory, if these need it; 0: any.
Result<void> make_room(card::Options& options, std::uint32_t entries, std::uint64_t payload) {
  if (entries == 0 && payload == 0) return {};
  if (entries != 0) options.entries = entries;
  const auto needed = ring::memory_size(options.queues, options.entries, payload);
  if (!needed) return needed.error();
  options.memory = std::max(options.memory, *needed);
  return {};
}

// PATH[,vectors=N][,memory=KIB][,entries=N][,payload=KIB][,page=1[,awake=1]][,msix=0]
Result<std::unique_ptr<Transport>> create_card(boost::asio::io_context& context,
                                               std::string_view where, GuestPlan&,
                                               const FdDemand& demand, int) {
  const auto words = split_path(where);
  if (!words) return words.error();
  card::Options options;
  auto memory = static_cast<unsigned>(options.memory / 1024);
  unsigned entries = 0, payload = 0, page = 0, awake = 0, msix = 1;
  const auto done = read("vfio-user", std::span(*words).subspan(1),
                         {{"vectors", &options.queues},
                          {"memory", &memory},
                          {"entries", &entries, BELLWIRE_MIN_RING_ENTRIES},
                          {"payload", &payload, 1},
                          {"page", &page, 0, 1},
                          {"awake", &awake, 0, 1},
                          {"msix", &msix, 0, 1}});
  if (!done) return done.error();
  options.memory = std::uint64_t{memory} * 1024;
  if (auto made = make_room(options, entries, std::uint64_t{payload} * 1024); !made)
    return made.error();
  options.page = page != 0;
  options.awake = awake != 0;
  options.msix = msix != 0;
  const auto fds = card::descriptors(options) + demand.per_wire * options.queues + demand.others;
  if (auto enough = os::ensure_more_fds(fds); !enough) return enough.error();
  auto made = card::CardTransport::create(context, words->front(), options);
  if (!made) return made.error();
  return std::unique_ptr<Transport>(std::move(*made));
}

// PATH[,connect=0|1], or fd=N
Result<VirtioService> serve_virtio_by_vhost_user(boost::asio::io_context& context,
                                                 std::string_view where, virtio::Device& device,
                                                 const VirtioPlan& plan) {
  const auto words = split(where);
  if (words.empty() || words.front().empty())
    return fault(std::errc::invalid_argument,
                 "vhost-user needs a socket: vhost-user:SOCKET, or vhost-user:fd=N");
  VhostUserPlace place;
  unsigned connect = 0, fd = ~0U;
  const bool given = words.front().starts_with("fd=");
  if (!given) place.path = words.front();
  const auto rest = std::span(words).subspan(given ? 0 : 1);
  const auto done = given ? read("vhost-user", rest, {{"fd", &fd, 0, most_fd}})
                          : read("vhost-user", rest, {{"connect", &connect, 0, 1}});
  if (!done) return done.error();
  place.connect = connect != 0;
  if (given) place.fd = static_cast<int>(fd);
  return serve_by_vhost_user(context, place, device, plan);
}

constexpr TransportEntry entries[] = {
    {"ivshmem", "ivshmem:PATH[,slot=N][,vectors=N][,format=0|1][,wait=SECONDS]",
     "the socket of a switchboard or of QEMU's ivshmem-server; format=1 formats the memory anew, "
     "after a guest broke its format",
     create_ivshmem},
    {"vfio-user",
     "vfio-user:PATH[,vectors=N][,memory=KIB][,entries=N][,payload=KIB] "
     "[,page=0|1][,awake=0|1][,msix=0|1], or "
     "vfio-user:PATH,virtio=1[,packed=0|1]",
     "a PCI device that QEMU 10.1 or newer connects to: our card, or with virtio=1 a virtio "
     "device, "
     "on virtqueues; packed: whether it offers packed rings",
     create_card, serve_by_vfio_user, serve_virtio_by_vfio_user},
    {"vhost-user", "vhost-user:SOCKET[,connect=0|1], or vhost-user:fd=N",
     "a virtio device, or a ring device on virtqueues, for a VMM: the VMM connects to the socket, "
     "or listens there (connect=1), or "
     "descriptor N is a socket of one kind or the other",
     nullptr, nullptr, serve_virtio_by_vhost_user},
    {"in-process", "in-process[:rings=N][,depth=N][,recover=0|1]",
     "a driver in this process, on a software model of KVM; prints a report and ends; recover=0: "
     "it doesn't look for what did not come",
     create_in_process, nullptr, nullptr, "none"},
    {"kvm", "kvm[:rings=N][,depth=N]",
     "a driver in a small virtual machine on KVM; prints a report and ends", create_kvm, nullptr,
     nullptr, "KVM"},
};

std::string names() {
  std::string list;
  for (const auto& entry : entries) list.append(list.empty() ? "" : ", ").append(entry.syntax);
  return list;
}

// `on` is "NAME:WHERE".
struct TransportChoice {
  const TransportEntry& entry;
  std::string_view where;
};

Result<TransportChoice> find_transport(std::string_view on) {
  const auto colon = on.find(':');
  for (const auto& entry : entries)
    if (entry.name == on.substr(0, colon))
      return TransportChoice{entry, colon == std::string_view::npos ? "" : on.substr(colon + 1)};
  return fault(std::errc::invalid_argument, "unknown transport '{}'; choose one of {}", on,
               names());
}

}  // namespace

std::span<const TransportEntry> transports() noexcept {
  return entries;
}

bool runs(const TransportEntry& transport, const DeviceEntry& device) noexcept {
  if (std::holds_alternative<FunctionEntry>(device)) return transport.serve != nullptr;
  if (std::holds_alternative<VirtioEntry>(device)) return transport.serve_virtio != nullptr;
  const bool virtqueues = std::get<RingEntry>(device).on_virtqueues.has_value();
  return transport.create != nullptr || (virtqueues && transport.serve_virtio != nullptr);
}

Result<std::unique_ptr<Transport>> create_transport(boost::asio::io_context& context,
                                                    std::string_view on, GuestPlan& plan,
                                                    const FdDemand& demand, int stop) {
  const auto place = find_transport(on);
  if (!place) return place.error();
  if (place->entry.create == nullptr)
    return fault(std::errc::invalid_argument,
                 "--on '{}': only virtqueues run there; choose another transport", on);
  return place->entry.create(context, place->where, plan, demand, stop);
}

bool on_virtqueues(std::string_view on) {
  const auto place = find_transport(on);
  if (!place || place->entry.serve_virtio == nullptr) return false;
  const auto words = split(place->where);
  return place->entry.create == nullptr || std::ranges::find(words, as_virtio) != words.end();
}

std::optional<std::string> accelerator_of(std::string_view on) {
  const auto place = find_transport(on);
  if (!place || place->entry.accelerator.empty()) return std::nullopt;
  return std::string(place->entry.accelerator);
}

std::optional<std::string> socket_of(std::string_view on) {
  const auto place = find_transport(on);
  if (!place || !place->entry.accelerator.empty()) return std::nullopt;
  const auto words = split(place->where);
  if (words.empty() || words.front().empty() || words.front().starts_with("fd="))
    return std::nullopt;
  return words.front();
}

// Whoever has no virtio devices connects to its socket.
std::optional<std::string> served_socket_of(std::string_view on) {
  const auto place = find_transport(on);
  if (!place || place->entry.serve_virtio == nullptr) return std::nullopt;
  const auto words = split(place->where);
  return std::ranges::find(words, "connect=1") == words.end() ? socket_of(on) : std::nullopt;
}

Result<vfio_user::Server> serve_function(boost::asio::io_context& context, pci::Function& function,
                                         std::string_view on) {
  const auto place = find_transport(on);
  if (!place) return place.error();
  if (place->entry.serve == nullptr)
    return fault(std::errc::invalid_argument,
                 "--on '{}': a whole PCI device runs on vfio-user only: use --on vfio-user:PATH",
                 on);
  return place->entry.serve(context, place->where, function);
}

Result<VirtioService> serve_virtio(boost::asio::io_context& context, virtio::Device& device,
                                   std::string_view on, const VirtioPlan& plan) {
  const auto place = find_transport(on);
  if (!place) return place.error();
  if (place->entry.serve_virtio != nullptr)
    return place->entry.serve_virtio(context, place->where, device, plan);
  std::string able;
  for (const auto& entry : entries)
    if (entry.serve_virtio != nullptr) able.append(able.empty() ? "" : " or ").append(entry.syntax);
  return fault(std::errc::invalid_argument, "--on '{}': that transport has no virtio devices{}", on,
               able.empty() ? "" : "; choose " + able);
}

}  // namespace bellwire::host
