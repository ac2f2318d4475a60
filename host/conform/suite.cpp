// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/suite.hpp"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include <algorithm>
#include <array>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;
using vhost_user::Offer;

// The protocol does not carry the kind. Features that devices of one kind have, and no others that
// back-ends serve: of a network device from bit 15 on, of which disks use 16 and 17, too; of a disk
// bits 6 and 9, which are obsolete or rare for cards, if its configuration can be read. What has
// less than these may be of any kind: bits 0 to 5 are used by consoles, sound, graphics, SCSI, ….
// (<linux/virtio_net.h> has a member that is named as C++'s keyword.)
constexpr unsigned net_mrg_rxbuf = 15, net_status = 16, net_ctrl_vq = 17, net_ctrl_rx = 18;
constexpr std::uint64_t net_features = bit(net_mrg_rxbuf) | bit(net_ctrl_rx);
constexpr std::uint64_t blk_features = bit(VIRTIO_BLK_F_BLK_SIZE) | bit(VIRTIO_BLK_F_FLUSH);
constexpr std::uint64_t net_unless_blk = bit(net_status) | bit(net_ctrl_vq);
constexpr std::uint64_t device_features = bit(24) - 1;

bool has_config(const Offer& offer) {
  return (offer.protocol_features & bit(vhost_user::feature::config)) != 0;
}

// rng: it may be one, which has no features of its own, as many others.
Kind kind_of(const Offer& offer) {
  const auto own = offer.features & device_features;
  if (own == 0) return Kind::rng;
  if ((own & net_features) != 0) return Kind::net;
  if (has_config(offer) && (own & blk_features) != 0) return Kind::blk;
  return (own & net_unless_blk) != 0 ? Kind::net : Kind::unknown;
}

// An entropy source fills what it may write. Others return such a buffer as it was, if at all. The
// trial's probe says that it is one.
bool gives_entropy(Trial& trial) {
  try {
    auto front = trial.up();
    TestRequests request(trial, front);
    request.offer();
    request.kick();
    const auto used = request.next();
    return used && used->len > 0;
  } catch (const Untried&) {
    return false;
  } catch (const Failed&) {
    return false;
  }
}

// Disks and cards have one. Of others, only one that answers with no bytes is known to have none.
bool has_config_space(FrontEnd& front, const Offer& offer) {
  if (!has_config(offer)) return true;  // then it doesn't matter
  const auto reply = front.ask(Request::get_config, config_request(0, 1));
  if (!reply) return true;
  const auto access = vhost_user::head<vhost_user::ConfigAccess>(reply->payload);
  return access && access->size > 0;
}

void ask_what_it_offers(Trial& trial, Probe& probe) {
  using vhost_user::Step;
  auto front = trial.connect();
  for (const auto step :
       {Step::get_features, Step::get_protocol_features, Step::set_protocol_features,
        Step::get_queue_num, Step::get_max_mem_slots}) {
    const auto done = front.run(step);
    probe.offer = front.offer();
    Trial::prepare(done, "asking what the back-end offers");
  }
  probe.config_space = has_config_space(front, probe.offer);
}

void ask(Trial& trial, const Settings& settings, Probe& probe) {
  ask_what_it_offers(trial, probe);
  probe.kind = settings.kind.value_or(kind_of(probe.offer));
  if (!settings.kind && probe.kind == Kind::rng && !gives_entropy(trial))
    probe.kind = Kind::unknown;
  if (probe.kind == Kind::blk || probe.kind == Kind::net) probe.config_space = true;
}

std::string missing(std::uint64_t wanted, std::uint64_t offered, const char* what) {
  std::string list;
  for (unsigned number = 0; number < 64; ++number)
    if ((wanted & ~offered & bit(number)) != 0) list += text(" {}", number);
  return list.empty() ? list : text("the back-end doesn't offer {}{}", what, list);
}

const char* name_of_kinds(std::uint8_t kinds) {
  if (kinds == std::uint8_t(Kind::blk)) return "a disk";
  if (kinds == std::uint8_t(Kind::rng)) return "an entropy source";
  if (kinds == std::uint8_t(Kind::net)) return "a network device";
  return "a disk or an entropy source";
}

std::string not_applicable(const Needs& needs, const Probe& probe) {
  if (needs.kinds != 0 && (needs.kinds & std::uint8_t(probe.kind)) == 0)
    return probe.kind == Kind::unknown ? needs_known_kind
                                       : text("only of {}", name_of_kinds(needs.kinds));
  if (needs.config_space && !probe.config_space)
    return "only of a device with a configuration space";
  if (auto why = missing(needs.features, probe.offer.features, "feature"); !why.empty()) return why;
  if (needs.layouts == Layouts::packed)
    if (auto why = missing(bit(VIRTIO_F_RING_PACKED), probe.offer.features, "feature");
        !why.empty())
      return why;
  return missing(needs.protocol_features, probe.offer.protocol_features, "protocol feature");
}

constexpr unsigned looks_for_an_end = 100;
constexpr std::chrono::milliseconds look_for_an_end{10};

class Run {
 public:
  Run(const Settings& settings, BackEnd& back_end) : settings_(settings), back_end_(back_end) {}

  void probe(Findings& findings) {
    back_end_.next_statement(0);
    Trial trial(settings_, probe_, back_end_);
    try {
      ask(trial, settings_, probe_);
    } catch (const Untried& why) {
      trouble_ = why.reason;
    } catch (const Failed& why) {
      trouble_ = why.reason;
    }
    findings.probe = probe_;
    findings.trouble = trouble_;
  }

  Verdict attempt(const Statement& statement) {
    Verdict verdict{&statement, Outcome::pass, {}, {}, {}};
    if (auto why = untried(statement); !why.empty()) return give_up(verdict, std::move(why));
    if (auto why = not_applicable(statement.needs, probe_); !why.empty()) {
      verdict.outcome = Outcome::not_applicable;
      verdict.reason = std::move(why);
      return verdict;
    }
    const auto layouts = statement.needs.layouts;
    if (layouts != Layouts::packed) attempt_now(statement, verdict, false);
    const bool again = layouts == Layouts::both && verdict.outcome == Outcome::pass &&
                       (probe_.offer.features & bit(VIRTIO_F_RING_PACKED)) != 0;
    if (layouts == Layouts::packed || again) attempt_now(statement, verdict, true);
    if (again && !verdict.reason.empty()) verdict.reason.insert(0, "with packed rings: ");
    return verdict;
  }

 private:
  // A statement about the first messages is tried even if the back-end would not say what it is.
  [[nodiscard]] std::string untried(const Statement& statement) const {
    if (!gone_.empty()) return gone_;
    if (!trouble_.empty() && statement.number > 3) return trouble_;
    if (statement.needs.process && !back_end_.controlled())
      return "the back-end's process is not the suite's: see --start";
    return {};
  }

  static Verdict give_up(Verdict verdict, std::string why) {
    verdict.outcome = Outcome::untried;
    verdict.reason = std::move(why);
    return verdict;
  }

  void attempt_now(const Statement& statement, Verdict& verdict, bool packed) {
    back_end_.next_statement(statement.number);
    Trial trial(settings_, probe_, back_end_, packed);
    const auto note = [&](Outcome outcome, const std::string& reason) {
      verdict.outcome = outcome;
      verdict.reason = reason;
      verdict.sent = trial.transcript().sent();
      verdict.came = trial.transcript().came();
    };
    try {
      statement.attempt(trial);
      note(Outcome::pass, {});
    } catch (const Failed& why) {
      note(Outcome::fail, why.reason);
    } catch (const Untried& why) {
      note(Outcome::untried, why.reason);
    } catch (const NotApplicable& why) {
      verdict.outcome = Outcome::not_applicable;
      verdict.reason = why.reason;
    } catch (const std::exception& why) {
      note(Outcome::untried, why.what());
    }
    look_after(verdict);
  }

  // Whoever is gone, or answers nobody any more, after a statement, does not pass it.
  void look_after(Verdict& verdict) {
    back_end_.next_statement(0);
    auto ended = back_end_.ended();
    if (!ended && answers()) return;
    if (!ended) ended = end_in_time();
    const auto what = ended ? "the back-end's process ended " + *ended
                            : std::string("the back-end answers no new connection any more");
    verdict.outcome = Outcome::fail;
    verdict.reason += (verdict.reason.empty() ? "afterwards, " : "; afterwards, ") + what;
    if (!back_end_.controlled()) {
      gone_ = text("{}, since statement {}", what, verdict.statement->number);
      return;
    }
    back_end_.kill();  // one that still runs has its sockets
    back_end_.clean_up();
    if (const auto again = back_end_.start(); !again) gone_ = again.error().message;
  }

  // A process that crashes answers nobody before its end can be seen.
  [[nodiscard]] std::optional<std::string> end_in_time() {
    const Trial trial(settings_, probe_, back_end_);
    for (unsigned count = 0; back_end_.controlled() && count < looks_for_an_end; ++count) {
      if (auto how = back_end_.ended()) return how;
      trial.pause(look_for_an_end);
    }
    return back_end_.ended();
  }

  [[nodiscard]] bool answers() {
    Trial trial(settings_, probe_, back_end_);
    try {
      trial.expect_alive("afterwards");
      return true;
    } catch (const Failed&) {
      return false;
    }
  }

  const Settings& settings_;
  BackEnd& back_end_;
  Probe probe_;
  std::string trouble_;  // why it is not known what the back-end is
  std::string gone_;     // why nothing can be tried any more
};

}  // namespace

std::string_view name_of(Outcome outcome) noexcept {
  constexpr std::array<std::string_view, 4> names{"pass", "fail", "n/a", "untried"};
  return names[static_cast<std::size_t>(outcome)];
}

std::vector<const Statement*> all_statements() {
  std::vector<const Statement*> all;
  for (const auto family :
       {message_statements(),     acknowledgement_statements(), memory_statements(),
        ring_state_statements(),  position_statements(),        wire_statements(),
        virtqueue_statements(),   hostile_statements(),         device_statements(),
        recovery_statements(),    migration_statements(),       network_statements(),
        restart_statements(),     packed_statements(),          channel_statements(),
        switch_statements(),      descriptor_statements(),      sequence_statements(),
        more_switch_statements(), more_device_statements(),     more_sequence_statements()})
    for (const auto& statement : family) all.push_back(&statement);
  return all;
}

unsigned Findings::count(Outcome outcome) const noexcept {
  return static_cast<unsigned>(std::ranges::count(verdicts, outcome, &Verdict::outcome));
}

Findings run_suite(const Settings& settings, BackEnd& back_end,
                   std::span<const Statement* const> chosen,
                   const std::function<bool()>& interrupted,
                   const std::function<void(const Verdict&)>& report) {
  Findings findings;
  Run run(settings, back_end);
  run.probe(findings);
  for (const auto* const statement : chosen) {
    if (interrupted()) break;
    findings.verdicts.push_back(run.attempt(*statement));
    if (interrupted()) {
      findings.verdicts.pop_back();
      break;
    }
    report(findings.verdicts.back());
  }
  return findings;
}

}  // namespace bellwire::host::conform
