// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front end for a PCI device of our own, "The card" in the uapi header:
 * BAR0 has its registers, BAR2 maybe the doorbell page; the memory is ours,
 * and the card is told where.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/pci.h>

#include "device.h"

enum {
	BAR_REGISTERS = 0,
	BAR_DOORBELLS = 2,
};

/* All ones is what a read gives when nobody answers. */
#define NOBODY (~0u)

static u32 card_read(struct bell_device *device, unsigned int offset)
{
	return ioread32(device->registers + offset);
}

static void card_write(struct bell_device *device, unsigned int offset, u32 value)
{
	iowrite32(value, device->registers + offset);
}

/* The add is a full barrier: either we see that the device sleeps, or it sees our ring. */
static bool heard(struct bellwire_doorbell_page *page, unsigned int index)
{
	atomic_inc_return((atomic_t *)&page->driver[index].rung);
	return !READ_ONCE(page->device.asleep);
}

static void card_ring(struct bell_queue *queue, u32 device_peer)
{
	struct bell_device *device = queue->device;

	if (!device->doorbells || !heard(device->doorbells, queue->index))
		card_write(device, BELLWIRE_CARD_DOORBELL + queue->index * sizeof(u32), 1);
}

static bool card_lost(struct bell_device *device)
{
	return card_read(device, BELLWIRE_CARD_MAGIC) == NOBODY;
}

/* Ends the card's use of the memory; the read waits for that. */
static void turn_off(void *data)
{
	struct bell_device *device = data;

	card_write(device, BELLWIRE_CARD_CONTROL, 0);
	card_read(device, BELLWIRE_CARD_STATUS);
	dma_free_pages(device->parent, device->memory_size, virt_to_page(device->memory),
		       device->bus_address, DMA_BIDIRECTIONAL);
}

static int turn_on(struct bell_device *device)
{
	u32 status;

	card_write(device, BELLWIRE_CARD_MEMORY_LOW, lower_32_bits(device->bus_address));
	card_write(device, BELLWIRE_CARD_MEMORY_HIGH, upper_32_bits(device->bus_address));
	card_write(device, BELLWIRE_CARD_VECTORS, device->vectors);
	card_write(device, BELLWIRE_CARD_CONTROL, BELLWIRE_CARD_ENABLE);
	status = card_read(device, BELLWIRE_CARD_STATUS);
	if (status == BELLWIRE_CARD_READY)
		return 0;
	return dev_err_probe(device->parent, -ENODEV,
			     "the device can't use our memory at %pad (status %u): start QEMU with its memory on a memory-backend-memfd,share=on\n",
			     &device->bus_address, status);
}

static int give_memory(struct bell_device *device)
{
	struct page *pages;

	device->memory_size = card_read(device, BELLWIRE_CARD_MEMORY_SIZE);
	pages = dma_alloc_pages(device->parent, device->memory_size, &device->bus_address,
				DMA_BIDIRECTIONAL, GFP_KERNEL | __GFP_ZERO);
	if (!pages)
		return dev_err_probe(device->parent, -ENOMEM,
				     "no %zu bytes of memory in one piece: ask the device for less, by memory=\n",
				     device->memory_size);
	device->memory = page_address(pages);
	device->start = page_to_phys(pages);
	return devm_add_action_or_reset(device->parent, turn_off, device);
}

static int map_bars(struct bell_device *device, struct pci_dev *pci)
{
	const struct resource *page = &pci->resource[BAR_DOORBELLS];

	device->registers = devm_ioremap_resource(&pci->dev, &pci->resource[BAR_REGISTERS]);
	if (IS_ERR(device->registers))
		return PTR_ERR(device->registers);
	if (!pci_resource_len(pci, BAR_DOORBELLS))
		return 0;
	if (!devm_request_mem_region(&pci->dev, page->start, resource_size(page), pci_name(pci)))
		return dev_err_probe(&pci->dev, -EBUSY, "%pR is taken by another driver\n", page);
	device->doorbells = devm_memremap(&pci->dev, page->start, resource_size(page), MEMREMAP_WB);
	return PTR_ERR_OR_ZERO(device->doorbells);
}

static int card_open(struct bell_device *device, struct pci_dev *pci)
{
	int error = map_bars(device, pci);

	if (!error && card_read(device, BELLWIRE_CARD_MAGIC) != BELLWIRE_CARD_MAGIC_VALUE)
		error = dev_err_probe(&pci->dev, -ENODEV, "magic %#x, and not %#x: nobody serves this card, or another version\n",
				      card_read(device, BELLWIRE_CARD_MAGIC),
				      BELLWIRE_CARD_MAGIC_VALUE);
	if (!error)
		error = bell_pci_take_vectors(device, pci, card_read(device, BELLWIRE_CARD_QUEUES));
	if (!error)
		error = dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(64));
	if (!error)
		error = give_memory(device);
	if (!error)
		error = turn_on(device);
	return error ?: bell_device_open_memory(device, device->memory_size);
}

const struct bell_front bell_card_front = {
	.vectors = PCI_IRQ_MSIX | PCI_IRQ_MSI,
	.open = card_open,
	.ring = card_ring,
	.lost = card_lost,
};
