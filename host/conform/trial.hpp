// SPDX-License-Identifier: BSD-3-Clause
//
// Trial: what a statement's attempt has at hand. Helpers throw Failed when the back-end does not do
// what the statement says, and Untried when the attempt could not get as far as that; the suite
// makes verdicts of both. Only this folder uses exceptions so. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/conform/back_end.hpp"
#include "host/conform/statement.hpp"
#include "vdev/transport/vhost_user/client/front_end.hpp"

namespace bellwire::host::conform {

using vhost_user::Buffer;
using vhost_user::FrontEnd;
using vhost_user::PieceShape;
using vhost_user::Request;
using vhost_user::Wishes;

struct Failed {
  std::string reason;
};
struct Untried {
  std::string reason;
};
struct NotApplicable {
  std::string reason;
};

/// Why a statement is not applicable to a device of unknown kind.
inline constexpr const char* needs_known_kind =
    "only for blk, net or rng; what this device is was not found out: say it by --device";

/// What the back-end said when the suite began.
struct Probe {
  vhost_user::Offer offer;
  Kind kind = Kind::blk;
  bool config_space = true;  ///< false: GET_CONFIG was answered with nothing
};

struct Settings {
  std::string socket;
  const vhost_user::Dialect* dialect = vhost_user::dialect_of("qemu-8");
  std::optional<Kind> kind;  ///< empty: found out
  vhost_user::Patience patience;
  /// How long a back-end is away that is said to come back late.
  std::chrono::milliseconds away = std::chrono::seconds(3);
  /// Makes the back-end, which is that process, change its config space. None: nobody knows how.
  std::function<Result<void>(pid_t process)> change_config = {};
  std::string peer = {};  ///< the socket of another port, if the back-end is a switch; empty: none
};

class Trial {
 public:
  Trial(const Settings& settings, const Probe& probe, BackEnd& back_end, bool packed = false)
      : settings_(settings), probe_(probe), back_end_(back_end), packed_(packed) {}

  /// Connected, with rings and memory, but no message sent. No pieces: one of 1 MiB.
  [[nodiscard]] FrontEnd connect(Wishes wishes = {}, std::vector<PieceShape> pieces = {},
                                 const vhost_user::Dialect* dialect = nullptr);
  /// The same at the switch's other port, brought up. Not tried: none is known.
  [[nodiscard]] FrontEnd up_at_peer(const Wishes& wishes);
  /// The same, brought up as the dialect does, or up to and without `end`; from here on the
  /// transcript counts.
  [[nodiscard]] FrontEnd up(Wishes wishes = {}, std::vector<PieceShape> pieces = {},
                            std::optional<vhost_user::Step> end = {});

  /// What is sent up to now belongs to the preparations.
  void begin() { transcript_.begin(); }

  /// Fails the statement unless it is so; the reason says what the back-end did instead.
  template <class... Args>
  void expect(bool so, fmt::format_string<Args...> format, Args&&... args) const {
    if (!so) throw Failed{text(format, std::forward<Args>(args)...)};
  }
  /// The same for a call that must work.
  template <class T>
  T expect(Result<T> result, const char* what) const {
    if (!result) throw Failed{text("{}: {}", what, result.error().message)};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  /// For a call that belongs to the preparations.
  template <class T>
  static T prepare(Result<T> result, const char* what) {
    if (!result) throw Untried{text("{}: {}", what, result.error().message)};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  /// A round trip: what was sent before has been handled, unless that is done in another thread.
  void settle(FrontEnd& front) const;
  /// Lets some time pass, unless the run is to stop.
  void pause(std::chrono::milliseconds time) const;
  /// Whether it is so, now or in time.
  [[nodiscard]] bool eventually(const std::function<bool()>& so) const;
  /// Fails the statement unless the message is refused: by a reply other than 0, or by closing the
  /// connection.
  void expect_refused(FrontEnd& front, Request request, std::span<const std::byte> payload,
                      std::span<const int> fds = {}) const;
  /// Has the back-end change its config space. Returns when whatever asks it to do so has ended.
  void change_config(FrontEnd& front) const;
  /// Fails the statement unless a new connection is accepted and answered.
  void expect_alive(const char* after);

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] const Probe& probe() const noexcept { return probe_; }
  [[nodiscard]] BackEnd& back_end() const noexcept { return back_end_; }
  [[nodiscard]] vhost_user::Transcript& transcript() noexcept { return transcript_; }

  /// Whether rings are packed ones now.
  [[nodiscard]] bool packed() const noexcept { return packed_; }
  /// How many rings a device of this kind must have to be sent requests.
  [[nodiscard]] unsigned least_rings() const noexcept { return probe_.kind == Kind::net ? 2 : 1; }
  /// Whether the back-end offers a feature, and a protocol feature.
  [[nodiscard]] bool offers(unsigned feature) const noexcept {
    return (probe_.offer.features & vhost_user::bit(feature)) != 0;
  }
  [[nodiscard]] bool offers_protocol(unsigned feature) const noexcept {
    return (probe_.offer.protocol_features & vhost_user::bit(feature)) != 0;
  }

 private:
  [[nodiscard]] FrontEnd connect_to(const std::string& socket, Wishes wishes,
                                    std::vector<PieceShape> pieces,
                                    const vhost_user::Dialect* dialect);

  const Settings& settings_;
  const Probe& probe_;
  BackEnd& back_end_;
  bool packed_;
  vhost_user::Transcript transcript_;
};

/// Does these steps to a ring, as preparations.
void set_up(FrontEnd& front, unsigned ring, std::initializer_list<vhost_user::RingStep> steps);

/// How many descriptors a process has open. Empty: it can't be seen.
[[nodiscard]] std::optional<std::size_t> open_descriptors(pid_t process);

/// A GET_CONFIG of so many bytes, and what its answer has: ConfigAccess and these.
[[nodiscard]] vhost_user::Bytes config_request(std::uint32_t offset, std::uint32_t size);
[[nodiscard]] vhost_user::Bytes read_config(Trial& trial, FrontEnd& front, std::uint32_t offset,
                                            std::uint32_t size);

/// The payload of a message, from one value.
template <class T>
[[nodiscard]] std::span<const std::byte> payload(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace bellwire::host::conform
