// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI devices that have bellwire's rings. This file has what they share:
 * vectors, BARs, and the order of probe and remove. What differs is in a front
 * end each.
 *
 * Everything that probe takes is managed (devm_). remove() ends all use of it;
 * then the driver core releases it in reverse: interrupts, memory and registers,
 * and last the reference to the device.
 */
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>

#include "device.h"

/* Vector N belongs to queue N and, with fewer vectors than queues, to N + vectors, and so on. */
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

/* MSI-X, else MSI; but if memory lacks for MSI-X, the error must say so. */
static int alloc_vectors(struct pci_dev *pci, unsigned int wanted, unsigned int kinds)
{
	int count = pci_alloc_irq_vectors(pci, 1, wanted, kinds & PCI_IRQ_MSIX);

	if (count > 0 || count == -ENOMEM || !(kinds & PCI_IRQ_MSI))
		return count;
	return pci_alloc_irq_vectors(pci, 1, wanted, PCI_IRQ_MSI);
}

static bool has_vectors(struct pci_dev *pci, unsigned int kinds)
{
	return pci_msix_vec_count(pci) > 0 || (kinds & PCI_IRQ_MSI && pci_msi_vec_count(pci) > 0);
}

/* Takes 1 to `wanted` vectors; device->vectors is their number. */
int bell_pci_take_vectors(struct bell_device *device, struct pci_dev *pci, unsigned int wanted)
{
	unsigned int kinds = device->front->vectors;
	int count = alloc_vectors(pci, wanted, kinds);

	if (count < 0 && !has_vectors(pci, kinds)) {
		dev_err(&pci->dev,
			"the device has 0 vectors for %u queues: start QEMU with vectors=%u\n",
			wanted, wanted);
		return -ENODEV;
	}
	if (count < 0) {
		dev_err(&pci->dev, "cannot allocate vectors for %u queues: %pe\n", wanted,
			ERR_PTR(count));
		return count;
	}
	device->vectors = count;
	pci_set_master(pci); /* an MSI is a write by the device */
	return devm_add_action_or_reset(&pci->dev, free_vectors, pci);
}

/* A vector without a queue would interrupt a queue that was never set up. */
static int check_vectors(const struct bell_device *device)
{
	if (device->vectors && device->vectors <= device->queue_count)
		return 0;
	dev_err(device->parent,
		"%u vectors for %u queues: there must be at least 1, and at most one per queue\n",
		device->vectors, device->queue_count);
	return -ENODEV;
}

static int request_interrupts(struct bell_device *device, struct pci_dev *pci)
{
	int error = check_vectors(device);
	unsigned int i;

	for (i = 0; i < device->vectors && !error; i++) {
		error = devm_request_irq(&pci->dev, pci_irq_vector(pci, i), pci_interrupt, 0,
					 pci_name(pci), &device->queues[i]);
		if (error)
			dev_err(&pci->dev, "cannot request the interrupt of vector %u of %u: %pe\n",
				i, device->vectors, ERR_PTR(error));
	}
	return error;
}

/* The device decides what its BAR is, so its kind and size are checked first. */
static int take_bar(struct bell_device *device, struct pci_dev *pci, unsigned int bar,
		    resource_size_t least)
{
	bool is_memory = pci_resource_flags(pci, bar) & IORESOURCE_MEM;
	resource_size_t size = is_memory ? pci_resource_len(pci, bar) : 0;
	struct resource *taken = &device->bars[bar];
	int error;

	if (size < least) {
		dev_err(&pci->dev, "BAR%u has %llu bytes of memory; it must have %llu or more\n",
			bar, (u64)size, (u64)least);
		return -ENODEV;
	}
	*taken = (struct resource){
		.start = pci_resource_start(pci, bar),
		.end = pci_resource_end(pci, bar),
		.name = pci_name(pci),
		.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
	};
	/* If somebody else has it, the core reports who. */
	error = devm_request_resource(&pci->dev, &pci->resource[bar], taken);
	if (error && error != -EBUSY)
		dev_err(&pci->dev, "cannot take BAR%u %pR: %pe\n", bar, taken, ERR_PTR(error));
	return error;
}

void __iomem *bell_pci_map_registers(struct bell_device *device, struct pci_dev *pci,
				     unsigned int bar, resource_size_t least)
{
	int error = take_bar(device, pci, bar, least);
	const struct resource *taken = &device->bars[bar];
	void __iomem *mapped;

	if (error)
		return IOMEM_ERR_PTR(error);
	mapped = devm_ioremap(&pci->dev, taken->start, resource_size(taken));
	if (mapped)
		return mapped;
	dev_err(&pci->dev, "cannot map BAR%u %pR: %pe\n", bar, taken, ERR_PTR(-ENOMEM));
	return IOMEM_ERR_PTR(-ENOMEM);
}

void *bell_pci_map_memory(struct bell_device *device, struct pci_dev *pci, unsigned int bar,
			  resource_size_t least)
{
	int error = take_bar(device, pci, bar, least);
	const struct resource *taken = &device->bars[bar];
	void *mapped;

	if (error)
		return ERR_PTR(error);
	mapped = devm_memremap(&pci->dev, taken->start, resource_size(taken), MEMREMAP_WB);
	if (IS_ERR(mapped))
		dev_err(&pci->dev, "cannot map BAR%u %pR: %pe\n", bar, taken, mapped);
	return mapped;
}

static int enable(struct pci_dev *pci)
{
	int error = pcim_enable_device(pci);

	if (error)
		dev_err(&pci->dev, "cannot be turned on: %pe\n", ERR_PTR(error));
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
		error = enable(pci);
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

static void hold(struct pci_dev *pci)
{
	bell_device_hold(pci_get_drvdata(pci));
}

static void go_on(struct pci_dev *pci)
{
	bell_device_go_on(pci_get_drvdata(pci));
}

static const struct pci_error_handlers bell_pci_resets = {
	.reset_prepare = hold,
	.reset_done = go_on,
};

/* A machine that resumes has reset its devices. */
static int bell_pci_suspend(struct device *parent)
{
	bell_device_hold(dev_get_drvdata(parent));
	return 0;
}

static int bell_pci_resume(struct device *parent)
{
	bell_device_go_on(dev_get_drvdata(parent));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(bell_pci_sleep, bell_pci_suspend, bell_pci_resume);

static const struct pci_device_id bell_pci_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110),
	  .driver_data = (kernel_ulong_t)&bell_ivshmem_front },
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, BELLWIRE_CARD_ID),
	  .driver_data = (kernel_ulong_t)&bell_card_front },
	{}
};
MODULE_DEVICE_TABLE(pci, bell_pci_ids);

struct pci_driver bell_pci_driver = {
	.name = "bellwire",
	.id_table = bell_pci_ids,
	.probe = bell_pci_probe,
	.remove = bell_pci_remove,
	.err_handler = &bell_pci_resets,
	.driver.pm = pm_sleep_ptr(&bell_pci_sleep),
};
