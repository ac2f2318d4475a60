// SPDX-License-Identifier: BSD-3-Clause
//
// Boost.JSON's code, compiled in, since bell is linked without libraries.
#include <boost/json/src.hpp>
