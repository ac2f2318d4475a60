// SPDX-License-Identifier: BSD-3-Clause
//
// post(): calls its owner from Asio's loop, behind what is queued there already. What runs on a
// loop uses it in place of Asio's own, as it uses Timer.
//
// From the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

namespace bellwire {

/// Is called with the index. Kept alive until then.
class PostOwner {
 public:
  virtual void on_post(unsigned index) = 0;

 protected:
  ~PostOwner() = default;
};

void post(boost::asio::io_context& context, std::shared_ptr<PostOwner> owner, unsigned index);

}  // namespace bellwire
