// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/function.hpp"

#include <algorithm>
#include <utility>

#include "vdev/os/memory.hpp"
#include "vdev/pci/capabilities.hpp"
#include "vdev/pci/interrupts.hpp"

namespace bellwire::pci {
namespace {

Result<ConfigSpace> build(const Plan& plan) {
  ConfigBuilder builder(plan.identity, plan.express ? express_size : conventional_size);
  for (unsigned index = 0; index < most_bars; ++index)
    if (plan.bars[index].shape.kind != BarKind::none) builder.bar(index, plan.bars[index].shape);
  if (plan.intx) builder.intx();
  builder.power_management();
  if (plan.express) builder.express();
  if (plan.msi > 0) builder.msi(plan.msi);
  if (const auto& [vectors, bar] = plan.msix; vectors > 0)
    builder.bar(bar, MsixRegisters::shape(vectors)).msix(MsixRegisters::place(vectors, bar));
  for (const auto& capability : plan.vendor) builder.vendor(capability);
  return builder.build();
}

}  // namespace

Result<BarMemory> BarMemory::create(os::UniqueFd fd, std::uint64_t size, std::vector<Area> areas) {
  for (const auto& area : areas)
    if (area.offset % page_size != 0 || area.size % page_size != 0 || area.size == 0 ||
        !fits(area.offset, area.size, size))
      return fault(std::errc::invalid_argument,
                   "an area of {} bytes at {} does not fit a BAR of {}; choose whole pages in it",
                   area.size, area.offset, size);
  auto mapping = os::Mapping::create(fd.get(), size);
  if (!mapping) return mapping.error();
  return BarMemory{std::move(fd), MemoryView(std::move(*mapping)), std::move(areas)};
}

// Bytes outside the areas could not be read by anyone.
Result<BarMemory> BarMemory::copy() const {
  const auto from = view.bytes();
  auto file = os::create_memfd("bellwire-bar", from.size());
  if (!file) return file.error();
  auto made = create(std::move(*file), from.size(), areas);
  if (!made) return made.error();
  for (const auto& [offset, length] : areas)
    std::ranges::copy(from.subspan(offset, length), made->view.bytes().subspan(offset).begin());
  return made;
}

Result<BarMemory> BarMemory::create(std::uint64_t size) {
  auto fd = os::create_memfd("bellwire-bar", size);
  if (!fd) return fd.error();
  return create(std::move(*fd), size, {{0, size}});
}

Function::Function(Plan plan)
    : config_(build(plan).value()),
      bars_(std::move(plan.bars)),
      interrupts_({.intx = plan.intx, .msi = plan.msi, .msix = plan.msix.vectors}) {
  if (plan.msix.vectors == 0) return;
  msix_ = std::make_unique<MsixRegisters>(interrupts_);
  auto& bar = bars_[plan.msix.bar];
  bar.shape = MsixRegisters::shape(plan.msix.vectors);
  bar.registers = msix_.get();
}

Function::~Function() = default;

Result<void> Function::admit_client() {
  if (!std::exchange(handed_out_, true)) return {};
  for (auto& bar : bars_) {
    for (auto& doorbell : bar.doorbells) {
      auto event = os::EventFd::create_shared();
      if (!event) return event.error();
      doorbell.event = std::move(*event);
    }
    if (!bar.memory) continue;
    auto memory = bar.memory->copy();
    if (!memory) return memory.error();
    bar.memory = std::move(*memory);
  }
  return on_new_wires();
}

// Adds the present state of the interrupts to what the config space says.
void Function::read_config(std::size_t offset, std::span<std::byte> into) noexcept {
  auto status = config_.load(header::status);
  status &= static_cast<std::uint16_t>(~status::interrupt);
  if (interrupts_.intx_asserted()) status |= status::interrupt;
  config_.store(header::status, status);
  if (const auto msi = config_.find(CapabilityId::msi); msi != 0) {
    std::uint32_t pending = 0;
    for (unsigned vector = 0; vector < interrupts_.count(InterruptKind::msi); ++vector)
      if (interrupts_.pending(InterruptKind::msi, vector)) pending |= std::uint32_t{1} << vector;
    config_.store(msi + msi::pending, pending);
  }
  on_config_read(offset, into.size());
  config_.read(offset, into);
}

void Function::write_config(std::size_t offset, std::span<const std::byte> from) noexcept {
  const auto msi = config_.find(CapabilityId::msi);
  const auto masks = [&] { return msi != 0 ? config_.load<std::uint32_t>(msi + msi::mask) : 0; };
  const auto before = masks();
  config_.write(offset, from);
  for (auto changed = before ^ masks(); changed != 0; changed &= changed - 1) {
    const auto vector = static_cast<unsigned>(std::countr_zero(changed));
    interrupts_.set_masked(InterruptKind::msi, vector, (masks() >> vector & 1) != 0);
  }
  apply_config();
  on_config_write(offset, from.size());
}

void Function::apply_config() noexcept {
  interrupts_.disable_intx((config_.load(header::command) & command::no_intx) != 0);
  if (const auto msix = config_.find(CapabilityId::msix); msix != 0)
    interrupts_.mask_all(
        (config_.load<std::uint16_t>(msix + msix::control) & msix::function_mask) != 0);
}

// Transfers end first, so that whatever the device does in response is reset, too.
void Function::reset() noexcept {
  memory_.cancel();
  config_.reset();
  apply_config();
  if (msix_) msix_->reset();
  interrupts_.reset();
  on_reset();
}

}  // namespace bellwire::pci
