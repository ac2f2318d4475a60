// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI devices that have our rings. What they have in common is here: their
 * vectors, and the order of things; their own parts are front ends, a table.
 *
 * All that probe takes is devm_, and goes in reverse after remove, which ends
 * all use of it: interrupts, then memory and registers, the reference to the
 * device last.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "device.h"

/* Vector N belongs to queue N; with fewer of them, to queue N + vectors, too, and so on. */
static irqreturn_t pci_interrupt(int irq, void *first)
{
	struct bell_queue *queue = first;
	struct bell_device *device = queue->device;
	unsigned int i;

	for (i = queue->index; i < device->queue_count; i += device->vectors)
		bell_queue_interrupt(&device->queues[i]);
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

/* Up to `wanted`; device->vectors says how many. */
int bell_pci_take_vectors(struct bell_device *device, struct pci_dev *pci, unsigned int wanted)
{
	int count = pci_alloc_irq_vectors(pci, 1, wanted, device->front->vectors);

	if (count < 0)
		return dev_err_probe(&pci->dev, count,
				     "no vector for %u queues: was the device made with vectors=%u?\n",
				     wanted, wanted);
	device->vectors = count;
	pci_set_master(pci); /* an MSI is a write of the device's own */
	return devm_add_action_or_reset(&pci->dev, free_vectors, pci);
}

static int request_interrupts(struct bell_device *device, struct pci_dev *pci)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < device->vectors && !error; i++)
		error = devm_request_irq(&pci->dev, pci_irq_vector(pci, i), pci_interrupt, 0,
					 pci_name(pci), &device->queues[i]);
	return error;
}

static int bell_pci_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	const struct bell_front *front = (const struct bell_front *)id->driver_data;
	struct bell_device *device = bell_device_create(&pci->dev, front);
	int error;

	if (!device)
		return -ENOMEM;
	pci_set_drvdata(pci, device);
	error = devm_add_action_or_reset(&pci->dev, drop_device, device);
	if (!error)
		error = pcim_enable_device(pci);
	if (!error)
		error = front->open(device, pci);
	if (!error)
		error = request_interrupts(device, pci);
	if (!error)
		error = bell_device_add(device);
	return error;
}

static void bell_pci_remove(struct pci_dev *pci)
{
	bell_device_remove(pci_get_drvdata(pci));
}

static const struct pci_device_id bell_pci_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110),
	  .driver_data = (kernel_ulong_t)&bell_ivshmem_front },
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, BELLWIRE_CARD_ID),
	  .driver_data = (kernel_ulong_t)&bell_card_front },
	{ }
};
MODULE_DEVICE_TABLE(pci, bell_pci_ids);

struct pci_driver bell_pci_driver = {
	.name = "bellwire",
	.id_table = bell_pci_ids,
	.probe = bell_pci_probe,
	.remove = bell_pci_remove,
};
