// SPDX-License-Identifier: BSD-3-Clause
//
// ConfigBuilder: makes a ConfigSpace of an identity, BARs and capabilities. Capabilities stand in
// the order in which they are asked for, from 0x40 on.
#pragma once

#include <optional>

#include "vdev/os/result.hpp"
#include "vdev/pci/config_space.hpp"
#include "vdev/pci/identity.hpp"

namespace bellwire::pci {

/// Where in the device's BARs the MSI-X structures are.
struct MsixPlace {
  unsigned vectors = 0;  ///< 1 to 2048
  unsigned bar = 0;
  std::uint32_t table = 0;    ///< offsets in it, multiples of 8
  std::uint32_t pending = 0;  ///< of the pending bit array
};

class ConfigBuilder {
 public:
  explicit ConfigBuilder(const Identity& identity, std::size_t size = conventional_size);

  ConfigBuilder& bar(unsigned index, const BarShape& shape);
  ConfigBuilder& intx();  ///< pin A
  ConfigBuilder& power_management();
  ConfigBuilder& express();              ///< an endpoint of version 2, one lane
  ConfigBuilder& msi(unsigned vectors);  ///< 1, 2, 4 … 32; 64 bit, masks and pending bits
  ConfigBuilder& msix(const MsixPlace& place);

  /// EINVAL: what was asked for first of all that can't be.
  [[nodiscard]] Result<ConfigSpace> build();

 private:
  std::size_t capability(CapabilityId id, std::size_t size);
  void refuse(Error error);

  template <class T>
  void put(std::size_t offset, T value, T writable = 0) {
    space_.store<T>(offset, value);
    boost::endian::native_to_little_inplace(writable);
    std::memcpy(space_.writable_.data() + offset, &writable, sizeof writable);
  }
  template <class T, std::uint64_t At>
  void put(Register<T, At>, T value, T writable = 0) {
    put<T>(At, value, writable);
  }

  ConfigSpace space_;
  std::size_t link_ = header::capabilities.offset;  // where the next capability's offset goes
  std::size_t free_ = 0x40;
  unsigned taken_bars_ = 0;  // bits
  std::uint16_t commands_ = 0;
  std::optional<Error> error_;
};

}  // namespace bellwire::pci
