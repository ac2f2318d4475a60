// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front end for QEMU's ivshmem-doorbell with our format in its memory:
 * BAR0 has the registers, BAR2 the memory.
 */
#include <linux/io.h>
#include <linux/pci.h>

#include "device.h"

enum {
	BAR_REGISTERS = 0,
	BAR_MEMORY = 2,

	REGISTER_IVPOSITION = 8,
	REGISTER_DOORBELL = 12,

	DOORBELL_PEER_SHIFT = 16,
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
		dev_warn(&pci->dev, "%u vectors for %u queues: the others can't be claimed; vectors=%u would do\n",
			 device->vectors, wanted, wanted);
		device->queue_count = device->vectors;
	}
	return error;
}

static int ivshmem_open(struct bell_device *device, struct pci_dev *pci)
{
	const struct resource *memory = &pci->resource[BAR_MEMORY];
	int error;

	device->registers = devm_ioremap_resource(&pci->dev, &pci->resource[BAR_REGISTERS]);
	if (IS_ERR(device->registers))
		return PTR_ERR(device->registers);
	device->peer = ioread32(device->registers + REGISTER_IVPOSITION);

	if (!devm_request_mem_region(&pci->dev, memory->start, resource_size(memory), pci_name(pci)))
		return dev_err_probe(&pci->dev, -EBUSY, "%pR is taken by another driver\n", memory);
	device->memory = devm_memremap(&pci->dev, memory->start, resource_size(memory), MEMREMAP_WB);
	if (IS_ERR(device->memory))
		return PTR_ERR(device->memory);
	device->start = memory->start;
	error = bell_device_open_memory(device, resource_size(memory));
	return error ?: take_vectors(device, pci);
}

const struct bell_front bell_ivshmem_front = {
	.vectors = PCI_IRQ_MSIX,
	.open = ivshmem_open,
	.ring = ivshmem_ring,
};
