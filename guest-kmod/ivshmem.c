// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front end for QEMU's ivshmem-doorbell with our format in its memory:
 * BAR0 has the registers, BAR2 the memory, vector N belongs to queue N.
 *
 * All that probe takes is devm_, and goes in reverse after remove, which ends
 * all use of it: interrupts, then mappings, the reference to the device last.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
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

static const struct bell_front ivshmem_front = {
	.ring = ivshmem_ring,
};

static irqreturn_t ivshmem_interrupt(int irq, void *queue)
{
	bell_queue_interrupt(queue);
	return IRQ_HANDLED;
}

static void drop_device(void *device)
{
	bell_device_put(device);
}

static void free_vectors(void *pci)
{
	pci_free_irq_vectors(pci);
}

static int map_bars(struct bell_device *device, struct pci_dev *pci)
{
	const struct resource *memory = &pci->resource[BAR_MEMORY];

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
	return 0;
}

static int take_vectors(struct bell_device *device, struct pci_dev *pci)
{
	int wanted = device->format.queues;
	int count = pci_alloc_irq_vectors(pci, 1, wanted, PCI_IRQ_MSIX);

	if (count < 0)
		return dev_err_probe(&pci->dev, count,
				     "no MSI-X vector for %d queues: is it an ivshmem-doorbell with vectors=%d?\n",
				     wanted, wanted);
	if (count < wanted)
		dev_warn(&pci->dev, "%d vectors for %d queues: the others can't be claimed; vectors=%d would do\n",
			 count, wanted, wanted);
	device->queue_count = count;
	pci_set_master(pci); /* an MSI is a write of the device's own */
	return devm_add_action_or_reset(&pci->dev, free_vectors, pci);
}

static int request_interrupts(struct bell_device *device, struct pci_dev *pci)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < device->queue_count && !error; i++)
		error = devm_request_irq(&pci->dev, pci_irq_vector(pci, i), ivshmem_interrupt, 0,
					 pci_name(pci), &device->queues[i]);
	return error;
}

static int ivshmem_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct bell_device *device = bell_device_create(&pci->dev, &ivshmem_front);
	int error;

	if (!device)
		return -ENOMEM;
	pci_set_drvdata(pci, device);
	error = devm_add_action_or_reset(&pci->dev, drop_device, device);
	if (!error)
		error = pcim_enable_device(pci);
	if (!error)
		error = map_bars(device, pci);
	if (!error)
		error = bell_device_open_memory(device, pci_resource_len(pci, BAR_MEMORY));
	if (!error)
		error = take_vectors(device, pci);
	if (!error)
		error = request_interrupts(device, pci);
	if (!error)
		error = bell_device_add(device);
	return error;
}

static void ivshmem_remove(struct pci_dev *pci)
{
	bell_device_remove(pci_get_drvdata(pci));
}

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

struct pci_driver bell_ivshmem_driver = {
	.name = "bellwire",
	.id_table = ivshmem_ids,
	.probe = ivshmem_probe,
	.remove = ivshmem_remove,
};
