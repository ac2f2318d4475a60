// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/fiber.hpp"

#include <boost/asio/detail/call_stack.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <cstdint>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define BELLWIRE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BELLWIRE_ASAN 1
#endif
#endif

#if defined(BELLWIRE_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace bellwire::simulate {
namespace {

constexpr std::size_t stack_size = std::size_t{256} << 10;

#if defined(BELLWIRE_ASAN)
void start_switch(void** left, const void* stack, std::size_t size) {
  __sanitizer_start_switch_fiber(left, stack, size);
}
void finish_switch(void* entered, const void** stack, std::size_t* size) {
  __sanitizer_finish_switch_fiber(entered, stack, size);
}
#else
void start_switch(void**, const void*, std::size_t) {}
void finish_switch(void*, const void**, std::size_t*) {}
#endif

// For Asio each fiber is a thread.
void* exchange_asio_calls(void* calls) {
  namespace detail = boost::asio::detail;
  using Call = detail::call_stack<detail::thread_context, detail::thread_info_base>::context;
  detail::tss_ptr<Call> top;
  auto* const before = static_cast<Call*>(top);
  top = static_cast<Call*>(calls);
  return before;
}

}  // namespace

Fiber::Fiber(std::function<void()> body)
    : body_(std::move(body)), stack_(std::make_unique<std::byte[]>(stack_size)) {
  ::getcontext(&own_);
  own_.uc_stack.ss_sp = stack_.get();
  own_.uc_stack.ss_size = stack_size;
  own_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  ::makecontext(&own_, reinterpret_cast<void (*)()>(&Fiber::begin), 2,
                static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

void Fiber::enter() {
  void* fake = nullptr;
  auto* const outside = exchange_asio_calls(asio_calls_);
  start_switch(&fake, stack_.get(), stack_size);
  ::swapcontext(&outside_, &own_);
  finish_switch(fake, nullptr, nullptr);
  asio_calls_ = exchange_asio_calls(outside);
}

void Fiber::leave() {
  // Null: this stack is not used any more.
  start_switch(ended_ ? nullptr : &fake_stack_, outside_stack_, outside_size_);
  ::swapcontext(&own_, &outside_);
  finish_switch(fake_stack_, &outside_stack_, &outside_size_);
}

// makecontext() passes integers only.
void Fiber::begin(unsigned high, unsigned low) noexcept {
  const auto self = std::uintptr_t{high} << 32 | low;
  reinterpret_cast<Fiber*>(self)->run();
}

void Fiber::run() noexcept {
  finish_switch(nullptr, &outside_stack_, &outside_size_);
  body_();
  ended_ = true;
  leave();
}

}  // namespace bellwire::simulate
