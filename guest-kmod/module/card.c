// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front end for a PCI device of our own, "The card" in the uapi header:
 * BAR0 has its registers, BAR2 maybe the doorbell page; the memory is ours,
 * and the card is told where.
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mmzone.h>
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

/* Ends the card's use of the memory; the read waits for that. Returns the card's status. */
static u32 turn_off(struct bell_device *device)
{
	card_write(device, BELLWIRE_CARD_CONTROL, 0);
	return card_read(device, BELLWIRE_CARD_STATUS);
}

static void card_stop(struct bell_device *device)
{
	turn_off(device);
}

/*
 * A card that doesn't answer may only be slow, or stopped by a debugger, and
 * write on later; what it has mapped, no bit of its config space ends. So the
 * memory is nobody's any more.
 */
static void take_memory_back(void *data)
{
	struct bell_device *device = data;
	u32 status = turn_off(device);

	if (status == BELLWIRE_CARD_OFF) {
		dma_free_pages(device->parent, device->memory_size, virt_to_page(device->memory),
			       device->bus_address, DMA_BIDIRECTIONAL);
		return;
	}
	dev_warn(device->parent, "%zu bytes of memory at %pad are never freed, since the card may still write there: told to stop, its STATUS reads %#x, and not %#x\n",
		 device->memory_size, &device->bus_address, status, BELLWIRE_CARD_OFF);
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
	if (status == BELLWIRE_CARD_BAD_MEMORY)
		dev_err(device->parent, "the card can't use our memory at %pad: start QEMU with its memory on a memory-backend-memfd,share=on\n",
			&device->bus_address);
	else if (status == NOBODY)
		dev_err(device->parent, "the card's STATUS reads %#x: nobody serves it any more\n", status);
	else
		dev_err(device->parent, "the card was turned on, but its STATUS reads %#x, and not %#x\n",
			status, BELLWIRE_CARD_READY);
	return -ENODEV;
}

static int check_size(struct bell_device *device, u32 size)
{
	BUILD_BUG_ON(BELLWIRE_CARD_MAX_MEMORY > MAX_ORDER_NR_PAGES * PAGE_SIZE);

	if (size && size <= BELLWIRE_CARD_MAX_MEMORY && !(size % PAGE_SIZE))
		return 0;
	dev_err(device->parent, "the card's MEMORY_SIZE reads %#x, and not whole pages of %#lx up to %#x\n",
		size, PAGE_SIZE, BELLWIRE_CARD_MAX_MEMORY);
	return -ENODEV;
}

static int give_memory(struct bell_device *device)
{
	u32 size = card_read(device, BELLWIRE_CARD_MEMORY_SIZE);
	int error = check_size(device, size);
	struct page *pages;

	if (error)
		return error;
	pages = dma_alloc_pages(device->parent, size, &device->bus_address, DMA_BIDIRECTIONAL,
				GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!pages) {
		dev_err(device->parent, "no %u bytes of memory in one piece: ask the device for less, by memory=\n",
			size);
		return -ENOMEM;
	}
	device->memory_size = size;
	device->memory = page_address(pages);
	device->start = page_to_phys(pages);
	return devm_add_action_or_reset(device->parent, take_memory_back, device);
}

static int map_bars(struct bell_device *device, struct pci_dev *pci)
{
	device->registers = bell_pci_map_registers(device, pci, BAR_REGISTERS, BELLWIRE_CARD_OWN);
	if (IS_ERR(device->registers))
		return PTR_ERR(device->registers);
	if (!pci_resource_len(pci, BAR_DOORBELLS))
		return 0;
	device->doorbells = bell_pci_map_memory(device, pci, BAR_DOORBELLS,
						sizeof(*device->doorbells));
	return PTR_ERR_OR_ZERO(device->doorbells);
}

static int check_magic(struct bell_device *device)
{
	u32 magic = card_read(device, BELLWIRE_CARD_MAGIC);

	if (magic == BELLWIRE_CARD_MAGIC_VALUE)
		return 0;
	dev_err(device->parent, "magic %#x, and not %#x: nobody serves this card, or another version\n",
		magic, BELLWIRE_CARD_MAGIC_VALUE);
	return -ENODEV;
}

static int read_queues(struct bell_device *device, u32 *queues)
{
	*queues = card_read(device, BELLWIRE_CARD_QUEUES);
	if (*queues >= 1 && *queues <= BELLWIRE_MAX_QUEUES)
		return 0;
	dev_err(device->parent, "the card's QUEUES reads %u, and not 1 to %u\n", *queues,
		BELLWIRE_MAX_QUEUES);
	return -ENODEV;
}

/* The register has said how many vectors we took, the format says how many queues are set up. */
static int open_memory(struct bell_device *device, u32 queues)
{
	int error = bell_device_open_memory(device, device->memory_size);

	if (error || device->queue_count == queues)
		return error;
	dev_err(device->parent, "the card's QUEUES reads %u, but it formatted the memory for %u\n",
		queues, device->queue_count);
	return -ENODEV;
}

static int set_dma_mask(struct device *parent)
{
	int error = dma_set_mask_and_coherent(parent, DMA_BIT_MASK(64));

	if (error)
		dev_err(parent, "no DMA with 64 bits: %pe\n", ERR_PTR(error));
	return error;
}

static int card_open(struct bell_device *device, struct pci_dev *pci)
{
	int error = map_bars(device, pci);
	u32 queues;

	if (!error)
		error = check_magic(device);
	if (!error)
		error = read_queues(device, &queues);
	if (!error)
		error = bell_pci_take_vectors(device, pci, queues);
	if (!error)
		error = set_dma_mask(&pci->dev);
	if (!error)
		error = give_memory(device);
	if (!error)
		error = turn_on(device);
	return error ?: open_memory(device, queues);
}

const struct bell_front bell_card_front = {
	.vectors = PCI_IRQ_MSIX | PCI_IRQ_MSI,
	.open = card_open,
	.ring = card_ring,
	.lost = card_lost,
	.stop = card_stop,
	.restart = turn_on,
};
