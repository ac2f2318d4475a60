// SPDX-License-Identifier: GPL-2.0-only
/* The module: registers the PCI driver, and defines the tracepoints. */
#include <linux/module.h>
#include <linux/pci.h>

#include "device.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init bell_init(void)
{
	int error;

	bell_stats_init();
	error = pci_register_driver(&bell_pci_driver);
	if (error)
		bell_stats_exit();
	return error;
}

static void __exit bell_exit(void)
{
	pci_unregister_driver(&bell_pci_driver);
	bell_stats_exit();
}

module_init(bell_init);
module_exit(bell_exit);

MODULE_DESCRIPTION("bellwire: a driver for devices that talk through eventfds");
MODULE_LICENSE("GPL");
