// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front end for QEMU's ivshmem-doorbell, with the bellwire format in its
 * memory: BAR0 has the registers, BAR2 the memory.
 */
#include <linux/io.h>
#include <linux/pci.h>

#include "device.h"

enum {
	BAR_REGISTERS = 0,
	BAR_MEMORY = 2,

	REGISTER_IVPOSITION = 8,
	REGISTER_DOORBELL = 12,
	REGISTERS = 16, /* bytes of BAR0 that are used */

	DOORBELL_PEER_SHIFT = 16,
	LARGEST_PEER = 0xffff,
};

static void ivshmem_ring(struct bell_queue *queue, u32 device_peer)
{
	iowrite32(device_peer << DOORBELL_PEER_SHIFT | queue->index,
		  queue->device->registers + REGISTER_DOORBELL);
}

static int take_vectors(struct bell_device *device, struct pci_dev *pci)
{
	unsigned int wanted = device->queue_count;
	int error = bell_pci_take_vectors(device, pci, wanted);

	if (!error && device->vectors < wanted) {
		dev_warn(
			&pci->dev,
			"%u vectors for %u queues: the other queues cannot be claimed; start QEMU with vectors=%u\n",
			device->vectors, wanted, wanted);
		device->queue_count = device->vectors;
	}
	return error;
}

static int open_registers(struct bell_device *device, struct pci_dev *pci)
{
	device->registers = bell_pci_map_registers(device, pci, BAR_REGISTERS, REGISTERS);
	if (IS_ERR(device->registers))
		return PTR_ERR(device->registers);
	device->peer = ioread32(device->registers + REGISTER_IVPOSITION);
	if (device->peer <= LARGEST_PEER)
		return 0;
	dev_err(&pci->dev,
		"the IVPosition register reads %#x; it must be 0 to %#x: no server has given the device an ID\n",
		device->peer, LARGEST_PEER);
	return -ENODEV;
}

static int open_memory(struct bell_device *device, struct pci_dev *pci)
{
	device->memory = bell_pci_map_memory(device, pci, BAR_MEMORY, sizeof(*device->memory));
	if (IS_ERR(device->memory))
		return PTR_ERR(device->memory);
	device->start = pci_resource_start(pci, BAR_MEMORY);
	return bell_device_open_memory(device, pci_resource_len(pci, BAR_MEMORY));
}

static int ivshmem_open(struct bell_device *device, struct pci_dev *pci)
{
	int error = open_registers(device, pci);

	if (!error)
		error = open_memory(device, pci);
	return error ?: take_vectors(device, pci);
}

const struct bell_front bell_ivshmem_front = {
	.vectors = PCI_IRQ_MSIX,
	.open = ivshmem_open,
	.ring = ivshmem_ring,
};
