// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/commands.hpp"

#include "vdev/log/log.hpp"

namespace bellwire::vhost_user {
namespace {

constexpr std::uint64_t our_features = bit(f_protocol_features) | bit(VHOST_F_LOG_ALL);

bool is_network(const virtio::Backend& backend) noexcept {
  return backend.traits().id == VIRTIO_ID_NET;
}

// The payload has been checked to be that long.
template <class T>
T payload(const Message& request) {
  return *head<T>(request.payload);
}

template <class T>
Reply reply(const T& value) {
  Reply made;
  append(made.payload, value);
  return made;
}

Result<Reply> outcome(const Result<void>& result) {
  if (!result) return result.error();
  return Reply{};
}

// The eventfd of a vring message; none: it says that there is none.
Result<std::optional<os::EventFd>> event_of(Message& request) {
  if (request.fds.empty()) return std::optional<os::EventFd>();
  auto event = os::EventFd::adopt(std::move(request.fds.front()));
  if (!event)
    return Error{event.error().code,
                 text("{}: {}", name_of(request.header.request), event.error().message)};
  return std::optional(std::move(*event));
}

std::uint64_t ring_index(const Message& request) {
  return payload<std::uint64_t>(request) & vring::index_mask;
}

}  // namespace

Commands::Commands(boost::asio::io_context& context, virtio::Backend& backend, DmaSpace& space,
                   std::shared_ptr<os::MemoryLoss> loss)
    : context_(context),
      backend_(backend),
      loss_(loss),
      features_{.offered = protocol_features & ~(is_network(backend) ? bit(feature::config) : 0)},
      memory_(space, std::move(loss)),
      config_watch_(backend.on_config_change([this] { tell_config_changed(); })) {
  for (unsigned index = 0; index < backend.traits().queues; ++index)
    rings_.emplace_back(backend, index, memory_, tracking_);
}

struct Commands::Rule {
  Request request;
  Result<Reply> (Commands::*at_once)(Message&);
  void (Commands::*perhaps_later)(Message&, Answered) = nullptr;
};

const Commands::Rule Commands::rules[] = {
    {Request::get_features, &Commands::get_features},
    {Request::set_features, nullptr, &Commands::set_features},
    {Request::set_owner, &Commands::accept},
    {Request::reset_owner, &Commands::accept},
    {Request::set_mem_table, nullptr, &Commands::set_mem_table},
    {Request::set_log_base, &Commands::set_log_base},
    {Request::set_log_fd, &Commands::accept},
    {Request::set_vring_num, nullptr, &Commands::set_vring_num},
    {Request::set_vring_addr, nullptr, &Commands::set_vring_addr},
    {Request::set_vring_base, nullptr, &Commands::set_vring_base},
    {Request::get_vring_base, nullptr, &Commands::get_vring_base},
    {Request::set_vring_kick, nullptr, &Commands::set_vring_kick},
    {Request::set_vring_call, &Commands::set_vring_call},
    {Request::set_vring_err, &Commands::set_vring_err},
    {Request::get_protocol_features, &Commands::get_protocol_features},
    {Request::set_protocol_features, &Commands::set_protocol_features},
    {Request::get_queue_num, &Commands::get_queue_num},
    {Request::set_vring_enable, &Commands::set_vring_enable},
    {Request::set_backend_req_fd, &Commands::set_backend_req_fd},
    {Request::iotlb_msg, &Commands::refuse},
    {Request::get_config, &Commands::get_config},
    {Request::set_config, &Commands::set_config},
    {Request::get_inflight_fd, &Commands::get_inflight_fd},
    {Request::set_inflight_fd, &Commands::set_inflight_fd},
    {Request::gpu_set_socket, &Commands::refuse},
    {Request::reset_device, nullptr, &Commands::reset_device},
    {Request::get_max_mem_slots, &Commands::get_max_mem_slots},
    {Request::add_mem_reg, nullptr, &Commands::add_mem_reg},
    {Request::rem_mem_reg, nullptr, &Commands::rem_mem_reg},
    {Request::set_status, nullptr, &Commands::set_status},
    {Request::get_status, &Commands::get_status},
};

const Commands::Rule* Commands::rule_for(Request request) noexcept {
  for (const auto& rule : rules)
    if (rule.request == request) return &rule;
  return nullptr;
}

void Commands::handle(Message request, Answered answered) {
  if (auto checked = check_request(request, features_); !checked) return answered(checked.error());
  assume_acknowledged(*rule_of(request.header.request));
  const auto* rule = rule_for(static_cast<Request>(request.header.request));
  if (rule == nullptr)  // none that is legal without a feature that we don't offer
    return answered(
        fault(std::errc::protocol_error, "{} is not offered", name_of(request.header.request)));
  if (rule->at_once != nullptr) return answered((this->*rule->at_once)(request));
  (this->*rule->perhaps_later)(request, std::move(answered));
}

// A front-end may go on where it was on an earlier connection: it uses what it negotiated there,
// and waits for replies.
void Commands::assume_acknowledged(const MessageRule& rule) {
  if (!rule.needs || rule.offer_suffices || std::exchange(acknowledged_, true)) return;
  log::warning(
      "{} without SET_PROTOCOL_FEATURES: the front-end goes on where an earlier connection ended; "
      "its rings are served once it has shared its memory again. QEMU 7.2 does not: restart the VM",
      rule.name);
  features_.negotiated = features_.offered;
}

// Features.

Result<Reply> Commands::accept(Message&) {
  return Reply{};
}

// IOTLB_MSG is always answered, and so says what has become of it.
Result<Reply> Commands::refuse(Message& request) {
  if (static_cast<Request>(request.header.request) == Request::iotlb_msg)
    return reply(std::uint64_t{1});
  return fault(std::errc::not_supported, "{} is not supported", name_of(request.header.request));
}

Result<Reply> Commands::get_features(Message&) {
  return reply(backend_.device_features() | our_features);
}

// Without the protocol's features, there is no message that enables a ring. Other features than
// before may concern the rings themselves, so they wait; LOG_ALL alone is no concern of theirs.
void Commands::set_features(Message& request, Answered answered) {
  const auto features = payload<std::uint64_t>(request);
  const auto set = [this, features]() -> Result<void> {
    if (auto done = backend_.set_driver_features(features & ~our_features); !done) return done;
    tracking_.log_all = (features & bit(VHOST_F_LOG_ALL)) != 0;
    return (features & bit(f_protocol_features)) != 0 ? Result<void>() : enable_rings();
  };
  if (backend_.driver_features() != (features & ~our_features))
    return change(set, std::move(answered));
  if (auto done = set(); !done) return answered(done.error());
  update_rings(std::move(answered));
}

Result<void> Commands::enable_rings() {
  for (unsigned index = 0; index < rings_.size(); ++index)
    if (auto enabled = backend_.set_enabled(index, true); !enabled) return enabled;
  return {};
}

Result<Reply> Commands::get_protocol_features(Message&) {
  return reply(features_.offered);
}

Result<Reply> Commands::set_protocol_features(Message& request) {
  const auto wanted = payload<std::uint64_t>(request);
  if ((wanted & ~features_.offered) != 0)
    return fault(std::errc::invalid_argument,
                 "SET_PROTOCOL_FEATURES {:#x}: of these, {:#x} were not offered", wanted,
                 wanted & ~features_.offered);
  features_.negotiated = wanted;
  acknowledged_ = true;
  return Reply{};
}

Result<Reply> Commands::get_queue_num(Message&) {
  return reply(std::uint64_t{is_network(backend_) ? rings_.size() / 2 : rings_.size()});  // pairs
}

// Memory.

Result<Reply> Commands::get_max_mem_slots(Message&) {
  return reply(std::uint64_t{MemorySlots::most_slots});
}

void Commands::change(std::function<Result<void>()> act, Answered answered) {
  backend_.pause([this, act = std::move(act), answered = std::move(answered)] {
    const auto changed = act();
    update_rings([this, changed, answered](const Result<Reply>& updated) {
      backend_.resume();
      if (!changed) return answered(changed.error());
      answered(updated);
    });
  });
}

void Commands::set_mem_table(Message& request, Answered answered) {
  struct Table {
    std::vector<MemoryRegion> regions;
    std::vector<os::UniqueFd> fds;
  };
  const auto table = std::make_shared<Table>();
  table->regions.resize(request.fds.size());
  const auto bytes = std::as_writable_bytes(std::span(table->regions));
  const auto from = std::span(request.payload).subspan(offsetof(MemoryTable, regions));
  std::memcpy(bytes.data(), from.data(), bytes.size());
  table->fds = std::move(request.fds);
  change([this, table] { return memory_.replace(table->regions, table->fds); },
         std::move(answered));
}

// What is served now does not depend on it, so nothing has to wait.
void Commands::add_mem_reg(Message& request, Answered answered) {
  const auto added = memory_.add(payload<SingleRegion>(request).region, request.fds.front());
  if (!added) return answered(added.error());
  update_rings(std::move(answered));
}

void Commands::rem_mem_reg(Message& request, Answered answered) {
  change([this, region = payload<SingleRegion>(request).region] { return memory_.remove(region); },
         std::move(answered));
}

// Rings.

Result<ServedRing*> Commands::ring(std::uint64_t index) {
  if (index < rings_.size()) return &rings_[index];
  return fault(std::errc::invalid_argument, "ring {}: the device has {}", index, rings_.size());
}

void Commands::update_rings(Answered answered) {
  struct Update {
    std::size_t left;
    Result<void> result = {};
    Answered answered;
  };
  const auto all = std::make_shared<Update>(Update{rings_.size(), {}, std::move(answered)});
  for (auto& one : rings_)
    one.update([all](const Result<void>& updated) {
      if (!updated) all->result = updated;
      if (--all->left == 0) all->answered(outcome(all->result));
    });
}

namespace {

void update(ServedRing& ring, Commands::Answered answered) {
  ring.update([answered = std::move(answered)](const Result<void>& updated) {
    answered(outcome(updated));
  });
}

}  // namespace

void Commands::set_vring_num(Message& request, Answered answered) {
  const auto state = payload<vhost_vring_state>(request);
  const auto found = ring(state.index);
  if (!found) return answered(found.error());
  if (auto set = (*found)->set_size(state.num); !set) return answered(set.error());
  update(**found, std::move(answered));
}

void Commands::set_vring_addr(Message& request, Answered answered) {
  const auto addresses = payload<vhost_vring_addr>(request);
  const auto found = ring(addresses.index);
  if (!found) return answered(found.error());
  if (auto set = (*found)->set_addresses(addresses); !set) return answered(set.error());
  update(**found, std::move(answered));
}

void Commands::set_vring_base(Message& request, Answered answered) {
  const auto state = payload<vhost_vring_state>(request);
  const auto found = ring(state.index);
  if (!found) return answered(found.error());
  (*found)->set_base(state.num);
  update(**found, std::move(answered));
}

void Commands::set_vring_kick(Message& request, Answered answered) {
  const auto found = ring(ring_index(request));
  if (!found) return answered(found.error());
  auto kick = event_of(request);
  if (!kick) return answered(kick.error());
  if (auto set = (*found)->set_kick(std::move(*kick)); !set) return answered(set.error());
  update(**found, [this, answered = std::move(answered)](const Result<Reply>& updated) {
    if (std::exchange(config_changed_, false)) tell_config_changed();
    answered(updated);
  });
}

Result<Reply> Commands::set_vring_call(Message& request) {
  const auto found = ring(ring_index(request));
  if (!found) return found.error();
  auto call = event_of(request);
  if (!call) return call.error();
  (*found)->set_call(std::move(*call));
  return Reply{};
}

Result<Reply> Commands::set_vring_err(Message& request) {
  const auto found = ring(ring_index(request));
  if (!found) return found.error();
  auto event = event_of(request);
  if (!event) return event.error();
  (*found)->set_error(std::move(*event));
  return Reply{};
}

Result<Reply> Commands::set_vring_enable(Message& request) {
  const auto state = payload<vhost_vring_state>(request);
  const auto found = ring(state.index);
  if (!found) return found.error();
  if (state.num > 1)
    return fault(std::errc::invalid_argument, "SET_VRING_ENABLE {} of ring {}: it is 0 or 1",
                 state.num, state.index);
  return outcome(backend_.set_enabled(state.index, state.num == 1));
}

void Commands::get_vring_base(Message& request, Answered answered) {
  const auto state = payload<vhost_vring_state>(request);
  const auto found = ring(state.index);
  if (!found) return answered(found.error());
  (*found)->stop([index = state.index, answered = std::move(answered)](std::uint32_t base) {
    answered(reply(vhost_vring_state{index, base}));
  });
}

// Tracking.

Result<Reply> Commands::set_log_base(Message& request) {
  if (request.fds.empty()) return fault(std::errc::not_supported, "SET_LOG_BASE without a file");
  const auto where = head<Log>(request.payload);
  if (!where)
    return fault(std::errc::protocol_error, "SET_LOG_BASE with {} bytes of payload: it has {}",
                 request.payload.size(), sizeof(Log));
  auto log = DirtyLog::create(request.fds.front().get(), *where, loss_);
  if (!log) return log.error();
  tracking_.log.emplace(std::move(*log));
  return reply(std::uint64_t{0});
}

namespace {

// Only the first 20 bytes are always there.
Inflight inflight_of(const Message& request) {
  Inflight where{};
  std::memcpy(&where, request.payload.data(), least_inflight);
  return where;
}

}  // namespace

Result<Reply> Commands::get_inflight_fd(Message& request) {
  const auto asked = inflight_of(request);
  if (asked.num_queues == 0 || asked.num_queues > rings_.size() || asked.queue_size == 0 ||
      asked.queue_size > backend_.traits().queue_size)
    return fault(std::errc::invalid_argument,
                 "GET_INFLIGHT_FD for {} queues of {} entries: the device has {} of {}",
                 asked.num_queues, asked.queue_size, rings_.size(), backend_.traits().queue_size);
  auto made = InflightRegion::make(asked.num_queues, asked.queue_size);
  if (!made) return made.error();
  inflight_fd_ = std::move(made->fd);
  auto answer = reply(made->where);
  answer.payload.resize(request.payload.size());
  answer.fds.push_back(inflight_fd_.get());
  return answer;
}

Result<Reply> Commands::set_inflight_fd(Message& request) {
  const auto where = inflight_of(request);
  tracking_.inflight.reset();
  if (where.mmap_size == 0) return Reply{};
  auto region = InflightRegion::map(where, request.fds.front().get(), loss_);
  if (!region) return region.error();
  tracking_.inflight.emplace(std::move(*region));
  return Reply{};
}

// Config space, status.

// An error is an answer without a payload. Fields behind the end of the config space belong to
// features that the device does not have: a newer front-end reads zeros there.
Result<Reply> Commands::get_config(Message& request) {
  const auto asked = payload<ConfigAccess>(request);
  const auto size = backend_.traits().config_size;
  if (asked.size > most_config || request.payload.size() != sizeof asked + asked.size)
    return fault(std::errc::protocol_error, "GET_CONFIG of {} bytes, with {} bytes of payload",
                 asked.size, request.payload.size());
  if (asked.size == 0 || asked.offset >= size) return Reply{};
  Bytes read(asked.size);
  const auto there = std::min<std::size_t>(asked.size, size - asked.offset);
  if (!backend_.read_config(asked.offset, std::span(read).first(there))) return Reply{};
  auto answer = reply(asked);
  append(answer.payload, read);
  return answer;
}

Result<Reply> Commands::set_config(Message& request) {
  const auto asked = payload<ConfigAccess>(request);
  if (request.payload.size() != sizeof asked + asked.size)
    return fault(std::errc::protocol_error, "SET_CONFIG of {} bytes, with {} bytes of payload",
                 asked.size, request.payload.size());
  if (asked.flags > ConfigAccess::migration)
    return fault(std::errc::invalid_argument, "SET_CONFIG with flags {:#x}", asked.flags);
  return outcome(
      backend_.write_config(asked.offset, std::span(request.payload).subspan(sizeof asked)));
}

void Commands::reset(std::function<void()> done) {
  for (auto& one : rings_) one.abandon();
  backend_.reset([this, done = std::move(done)] {
    for (auto& one : rings_) one.take_over();
    done();
  });
}

void Commands::set_status(Message& request, Answered answered) {
  const auto status = payload<std::uint64_t>(request);
  if (status > 0xFF)
    return answered(fault(std::errc::invalid_argument, "SET_STATUS {:#x}: it has 8 bits", status));
  if (status == 0) return reset([answered = std::move(answered)] { answered(Reply{}); });
  backend_.set_status(static_cast<std::uint8_t>(status));
  answered(Reply{});
}

Result<Reply> Commands::get_status(Message&) {
  return reply(std::uint64_t{backend_.status()});
}

void Commands::reset_device(Message&, Answered answered) {
  reset([answered = std::move(answered)] { answered(Reply{}); });
}

Result<Reply> Commands::set_backend_req_fd(Message& request) {
  auto channel = BackendChannel::create(context_, std::move(request.fds.front()));
  if (!channel) return channel.error();
  channel_.emplace(std::move(*channel));
  return Reply{};
}

// While all rings are stopped, nothing is sent (vhost-user, "Suspended device state").
void Commands::tell_config_changed() {
  for (unsigned index = 0; index < rings_.size(); ++index)
    if (backend_.started(index)) {
      if (channel_) channel_->config_changed();
      return;
    }
  config_changed_ = true;
}

void Commands::close(std::function<void()> done) {
  config_watch_.drop();
  channel_.reset();
  reset([this, done = std::move(done)] {
    memory_.clear();
    done();
  });
}

void Commands::close_now() {
  config_watch_.drop();
  channel_.reset();
  for (auto& one : rings_) one.abandon();
  backend_.reset_now();
  for (auto& one : rings_) one.take_over();
  memory_.clear();
}

}  // namespace bellwire::vhost_user
