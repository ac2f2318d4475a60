// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/post.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace bellwire {

void post(boost::asio::io_context& context, std::shared_ptr<PostOwner> owner, unsigned index) {
  boost::asio::post(context, [owner = std::move(owner), index] { owner->on_post(index); });
}

}  // namespace bellwire
