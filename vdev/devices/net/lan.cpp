// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/lan.hpp"

#include "vdev/devices/net/tap_port.hpp"

namespace bellwire::net {
namespace {

struct Lan {
  Lan(unsigned ports, std::uint16_t mtu) : net(ports, mtu) {}
  Switch net;
  std::optional<TapPort> tap;
};

Result<void> join_tap(boost::asio::io_context& context, Lan& lan, const std::string& name) {
  auto tap = os::Tap::open(name);
  if (!tap) return tap.error();
  auto port = TapPort::create(context, lan.net, std::move(*tap));
  if (!port) return port.error();
  lan.tap.emplace(std::move(*port));
  return {};
}

}  // namespace

Result<std::vector<std::unique_ptr<Net>>> create_lan(boost::asio::io_context& context,
                                                     const LanOptions& options) {
  const auto lan = std::make_shared<Lan>(options.cards + (options.tap ? 1 : 0), options.mtu);
  const auto first = options.first.value_or(MacAddress::random());
  std::vector<std::unique_ptr<Net>> cards;
  for (unsigned index = 0; index < options.cards; ++index) {
    const auto address = first.after(index);
    if (!address.single())
      return fault(std::errc::invalid_argument,
                   "card {} would have the address {}, which is not one station's: choose a first "
                   "address with room for {} cards after it",
                   index + 1, to_text(address), options.cards);
    auto card = Net::create(std::shared_ptr<Switch>(lan, &lan->net), address);
    if (!card) return card.error();
    cards.push_back(std::move(*card));
  }
  if (options.tap)
    if (auto joined = join_tap(context, *lan, *options.tap); !joined) return joined.error();
  return cards;
}

}  // namespace bellwire::net
