// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI devices that have our rings. What they have in common is here: their
 * vectors, and the order of things; their own parts are front ends, a table.
 *
 * All that probe takes is devm_, and goes in reverse after remove, which ends
 * all use of it: interrupts, then memory and registers, the reference to the
 * device last.
 */
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>

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

/* Of either kind. A lack of memory for the first is no reason to blame the second. */
static int alloc_vectors(struct pci_dev *pci, unsigned int wanted, unsigned int kinds)
{
	int count = pci_alloc_irq_vectors(pci, 1, wanted, kinds & PCI_IRQ_MSIX);

	if (count > 0 || count == -ENOMEM || !(kinds & PCI_IRQ_MSI))
		return count;
	return pci_alloc_irq_vectors(pci, 1, wanted, PCI_IRQ_MSI);
}

static bool has_vectors(struct pci_dev *pci, unsigned int kinds)
{
	return pci_msix_vec_count(pci) > 0 ||
	       (kinds & PCI_IRQ_MSI && pci_msi_vec_count(pci) > 0);
}

/* Up to `wanted`; device->vectors says how many. */
int bell_pci_take_vectors(struct bell_device *device, struct pci_dev *pci, unsigned int wanted)
{
	unsigned int kinds = device->front->vectors;
	int count = alloc_vectors(pci, wanted, kinds);

	if (count < 0 && !has_vectors(pci, kinds)) {
		dev_err(&pci->dev, "the device has 0 vectors for %u queues: was it made with vectors=%u?\n",
			wanted, wanted);
		return -ENODEV;
	}
	if (count < 0) {
		dev_err(&pci->dev, "the kernel gives no vector for %u queues: %pe\n", wanted,
			ERR_PTR(count));
		return count;
	}
	device->vectors = count;
	pci_set_master(pci); /* an MSI is a write of the device's own */
	return devm_add_action_or_reset(&pci->dev, free_vectors, pci);
}

/* A vector beyond the queues would interrupt a queue that was never set up. */
static int check_vectors(const struct bell_device *device)
{
	if (device->vectors && device->vectors <= device->queue_count)
		return 0;
	dev_err(device->parent, "%u vectors for %u queues\n", device->vectors, device->queue_count);
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
			dev_err(&pci->dev, "no interrupt for vector %u of %u: %pe\n", i,
				device->vectors, ERR_PTR(error));
	}
	return error;
}

/* What stands behind the BAR is the device's to say: so its kind and size are checked first. */
static int take_bar(struct bell_device *device, struct pci_dev *pci, unsigned int bar,
		    resource_size_t least)
{
	bool is_memory = pci_resource_flags(pci, bar) & IORESOURCE_MEM;
	resource_size_t size = is_memory ? pci_resource_len(pci, bar) : 0;
	struct resource *taken = &device->bars[bar];
	int error;

	if (size < least) {
		dev_err(&pci->dev, "BAR%u has %llu bytes of memory, and not %llu or more\n", bar,
			(u64)size, (u64)least);
		return -ENODEV;
	}
	*taken = (struct resource) {
		.start = pci_resource_start(pci, bar),
		.end = pci_resource_end(pci, bar),
		.name = pci_name(pci),
		.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
	};
	/* Names whoever has it already. */
	error = devm_request_resource(&pci->dev, &pci->resource[bar], taken);
	if (error && error != -EBUSY)
		dev_err(&pci->dev, "can't take BAR%u %pR: %pe\n", bar, taken, ERR_PTR(error));
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
	dev_err(&pci->dev, "can't map BAR%u %pR: %pe\n", bar, taken, ERR_PTR(-ENOMEM));
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
		dev_err(&pci->dev, "can't map BAR%u %pR: %pe\n", bar, taken, mapped);
	return mapped;
}

static int enable(struct pci_dev *pci)
{
	int error = pcim_enable_device(pci);

	if (error)
		dev_err(&pci->dev, "can't be enabled: %pe\n", ERR_PTR(error));
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

/* A machine that wakes up has reset its devices. */
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
	{ }
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
