// SPDX-License-Identifier: BSD-3-Clause
//
// device_main(): the main() of a program that runs devices of its own, as `bellwire device` runs
// those of the catalog:
//
//     int main(int argc, char** argv) {
//       return bellwire::device_main(argc, argv,
//                                    {bellwire::ring_device<Sum>("sum", "adds up numbers")});
//     }
//
// `PROGRAM replay FILE` replays what its --record has kept (replay_command.hpp).
//
// The program then has the options of `bellwire device`, as far as its devices have a use for them:
// --on TRANSPORT:WHERE, --trace FILE, --control SOCKET (for `bellwire top` and `bellwire trace
// record`), --record FILE, --fault, --drop, --poll, --moderate, --log-level, --help, --version; a
// program of several devices takes a NAME before them. SIGINT, SIGTERM and SIGHUP end it in order:
// destructors run, files are written, sockets go.
//
// Link bellwire::device-main.
#pragma once

#include <functional>
#include <vector>

#include "vdev/devices/entry.hpp"

namespace CLI {
class App;  // of CLI11: include <CLI/CLI.hpp> to add options
}

namespace bellwire {

/// Runs the device that the command line names, on the calling thread; to be called once, before
/// the program starts threads of its own. The functions of the entries are called on that thread,
/// too, once the command line has been read: a device is made when it is about to run. `own` may
/// add options of the program's own; it is called before the command line is read.
///
/// Returns the exit status: 0: done, or ended by a signal; 1: something failed, or output could not
/// be written; 2: wrong usage. The reason is on standard error, in one line. A program without a
/// device, or with two of one name, is wrong usage, too.
[[nodiscard]] int device_main(int argc, char** argv, const std::vector<DeviceEntry>& devices,
                              const std::function<void(CLI::App& command)>& own = {});

}  // namespace bellwire
