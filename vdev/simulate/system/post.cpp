// SPDX-License-Identifier: BSD-3-Clause
//
// In place of vdev/loop/post.cpp.
#include "vdev/loop/post.hpp"

#include "vdev/simulate/loop.hpp"

namespace bellwire {

void post(boost::asio::io_context& context, std::shared_ptr<PostOwner> owner, unsigned index) {
  simulate::Loop::of(context).post(std::move(owner), index);
}

}  // namespace bellwire
