// SPDX-License-Identifier: BSD-3-Clause
//
// DmaSpace: the guest's memory as a device sees it: regions that a transport adds and revokes. A
// region is mapped into this process, or reached by messages; read() and write() work for both,
// map() for the first. A guest that is gone has no regions, and every access fails.
//
// A view outlives its region without harm, since it keeps the bytes; but its holder has to drop it
// when the listener is called, before that returns: then the guest gets its answer. A span of
// bytes() keeps nothing: it is valid until the listeners of its region have returned. Transfers
// that messages carry end by themselves: once remove() has returned, nothing more of them is sent,
// and no late answer reaches the device's bytes.
//
// All on the device's thread; bytes that were looked up there may be used on any.
// Source: vfio-user protocol 0.0, VFIO_USER_DMA_MAP, _UNMAP, _READ, _WRITE; vhost-user's memory
// tables.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vdev/core/address_range.hpp"
#include "vdev/core/attachment.hpp"
#include "vdev/core/registration.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

/// EFAULT: no such memory, or not any more. EACCES: the guest does not allow that. ECANCELED: the
/// device was reset. ENOBUFS: too many transfers wait for the guest already.
using DmaDone = std::function<void(Result<void>)>;

/// What carries accesses to memory that is not mapped. `done` never runs inside read() or write(),
/// and runs exactly once; the bytes must stay until then.
class DmaCarrier {
 public:
  virtual ~DmaCarrier() = default;
  virtual void read(std::uint64_t address, std::span<std::byte> into, DmaDone done) = 0;
  virtual void write(std::uint64_t address, std::span<const std::byte> from, DmaDone done) = 0;
  /// Ends what it carries to and from the range, with `why`, before it returns.
  virtual void drop(const AddressRange& range, const Error& why) = 0;
};

/// Sees the device's transfers.
class DmaObserver {
 public:
  virtual ~DmaObserver() = default;
  /// A transfer begins. Returns what is called when it has ended, in place of `done`; the bytes
  /// stay until then.
  [[nodiscard]] virtual DmaDone began(bool write, std::uint64_t address,
                                      std::span<const std::byte> bytes, DmaDone done) = 0;
  /// The call that began a transfer returns to the device; the transfer may go on.
  virtual void returned() noexcept {}
  /// The device uses mapped memory without a transfer, by map() or bytes(). Called at least for the
  /// first time that it does.
  virtual void used_directly(std::uint64_t address) noexcept { (void)address; }
};

/// Takes the device's transfers in place of the regions, which then only have listeners: for a
/// replay.
class DmaServer {
 public:
  virtual ~DmaServer() = default;
  /// `done` may run before it returns; the bytes stay until it ran.
  virtual void begin(bool write, std::uint64_t address, std::span<std::byte> bytes,
                     DmaDone done) = 0;
  /// The device is reset: whatever is under way ends before it returns.
  virtual void cancel() = 0;
};

struct DmaRegion {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  bool readable = true;  ///< by the device
  bool writable = true;
  std::optional<MemoryView> memory = std::nullopt;  ///< `size` bytes; none: by messages
};

class DmaSpace {
 public:
  // The device's side.

  /// The bytes themselves: empty where they are not one mapped region that can be read and written.
  [[nodiscard]] std::optional<MemoryView> map(std::uint64_t address, std::uint64_t size) const;

  /// As many of `size` bytes from `address` on as one mapped region has that can be read and
  /// written; empty: none. For the hot path: it counts no references, and the region that was found
  /// last is looked at first.
  [[nodiscard]] std::span<std::byte> bytes(std::uint64_t address,
                                           std::uint64_t size) const noexcept;

  /// `done` may run before the call returns (mapped memory, and errors), or later; the bytes
  /// must stay until it ran. A range may span regions that touch. On an error a part of it may
  /// have been done.
  void read(std::uint64_t address, std::span<std::byte> into, DmaDone done);
  void write(std::uint64_t address, std::span<const std::byte> from, DmaDone done);

  /// Called before a region goes, with what goes, until the registration is dropped.
  using Listener = std::function<void(const AddressRange& region)>;
  [[nodiscard]] Registration on_revoke(Listener listener) {
    return revoked_.add(std::move(listener));
  }
  /// Called when a region has been added, with what was added, until the registration is dropped.
  [[nodiscard]] Registration on_add(Listener listener) { return added_.add(std::move(listener)); }

  // The transport's side.

  /// Null: nobody does. It must outlive what it carries.
  void use(DmaCarrier* carrier) noexcept { carrier_ = carrier; }
  /// EINVAL: empty, or wraps. EEXIST: overlaps. ENOSPC: as many as there may be.
  [[nodiscard]] Result<void> add(DmaRegion region);
  /// ENOENT: no region is exactly that.
  [[nodiscard]] Result<void> remove(std::uint64_t address, std::uint64_t size);
  void clear();
  /// The device is reset: ends the transfers that are under way, and those begun meanwhile.
  void cancel();
  [[nodiscard]] std::size_t regions() const noexcept { return regions_.size(); }

  /// Tells `observer` of read() and write() from now on; null: nobody.
  void tell(DmaObserver* observer) noexcept {
    observer_ = observer;
    begin_ = observer == nullptr ? &DmaSpace::begin : &DmaSpace::begin_observed;
    last_found_ = ~std::size_t{0};  // bytes() looks the region up again, and reports its use
  }
  /// From now on `server` takes the transfers; null: the regions do. Nobody observes it.
  void serve(DmaServer* server) noexcept {
    server_ = server;
    begin_ = server == nullptr ? &DmaSpace::begin : &DmaSpace::begin_served;
  }

 private:
  struct Transfer;
  // What bytes() needs of a region.
  struct Mapped {
    AddressRange range;
    std::byte* data;
  };
  void add_mapped(const DmaRegion& region);
  void erase_mapped(const AddressRange& range);
  bool find_mapped(std::uint64_t address) const noexcept;
  enum class Direction { read, write };
  void begin(std::uint64_t address, std::span<std::byte> bytes, Direction direction, DmaDone done);
  void begin_observed(std::uint64_t address, std::span<std::byte> bytes, Direction direction,
                      DmaDone done);
  void begin_served(std::uint64_t address, std::span<std::byte> bytes, Direction direction,
                    DmaDone done);
  void advance(const std::shared_ptr<Transfer>& transfer);
  [[nodiscard]] const DmaRegion* find(std::uint64_t address) const noexcept;
  void carry(const std::shared_ptr<Transfer>& transfer, std::span<std::byte> part);
  void erase(std::map<std::uint64_t, DmaRegion>::iterator region);
  void drop(const AddressRange& range, const Error& why);

  std::map<std::uint64_t, DmaRegion> regions_;  // by address
  std::vector<Mapped> mapped_;                  // by address
  mutable std::size_t last_found_ = 0;          // in mapped_
  Callbacks<const AddressRange&> revoked_;
  Callbacks<const AddressRange&> added_;
  DmaCarrier* carrier_ = nullptr;
  std::size_t carried_ = 0;  // transfers that the carrier has
  bool canceling_ = false;
  DmaObserver* observer_ = nullptr;
  DmaServer* server_ = nullptr;
  void (DmaSpace::*begin_)(std::uint64_t, std::span<std::byte>, Direction,
                           DmaDone) = &DmaSpace::begin;
};

inline std::span<std::byte> DmaSpace::bytes(std::uint64_t address,
                                            std::uint64_t size) const noexcept {
  const bool known = last_found_ < mapped_.size() && mapped_[last_found_].range.contains(address);
  if (!known && !find_mapped(address)) return {};
  const auto& [range, data] = mapped_[last_found_];
  return {data + range.offset_of(address), std::min(size, range.bytes_from(address))};
}

}  // namespace bellwire
