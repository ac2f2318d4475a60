// SPDX-License-Identifier: GPL-2.0-only
/* The user's end of the generic netlink family. */
#define _GNU_SOURCE
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftest.h"

struct message {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	char attributes[2048];
};

int open_netlink(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	EXPECT(fd >= 0);
	EXPECT(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

__u32 netlink_port(int fd)
{
	struct sockaddr_nl address;
	socklen_t size = sizeof(address);

	EXPECT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	return address.nl_pid;
}

static void send_message(int fd, int type, int command, const void *attributes, unsigned int size)
{
	struct message message = {
		.head = { .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN + size),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.genl = { .cmd = command, .version = 1 },
	};

	memcpy(message.attributes, attributes, size);
	EXPECT(send(fd, &message, message.head.nlmsg_len, 0) == message.head.nlmsg_len);
}

static void receive_message(int fd, struct message *message)
{
	ssize_t length;

	do
		length = recv(fd, message, sizeof(*message), 0);
	while (length < 0 && errno == ENOBUFS);

	EXPECT(length >= (ssize_t)sizeof(message->head));
	EXPECT(message->head.nlmsg_len == length);
}

/* The errno that the kernel's acknowledgment has. */
static int answer(int fd)
{
	struct message message;

	receive_message(fd, &message);
	EXPECT(message.head.nlmsg_type == NLMSG_ERROR);
	return -((struct nlmsgerr *)NLMSG_DATA(&message.head))->error;
}

/* The first attribute of that type in `size` bytes, or NULL. */
static const struct nlattr *find(const void *from, long size, int type)
{
	const struct nlattr *attribute = from;

	while (size >= NLA_HDRLEN) {
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		size -= NLA_ALIGN(attribute->nla_len);
		attribute = (const void *)((const char *)attribute + NLA_ALIGN(attribute->nla_len));
	}
	return NULL;
}

static const void *value(const struct nlattr *attribute)
{
	EXPECT(attribute);
	return (const char *)attribute + NLA_HDRLEN;
}

static const void *nested(const struct nlattr *in, int type)
{
	return value(find(value(in), in->nla_len - NLA_HDRLEN, type));
}

static const struct nlattr *attribute_of(const struct message *message, int type)
{
	return find(message->attributes, message->head.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), type);
}

/* What the kernel says of our family. */
static void get_family(int fd, struct message *message)
{
	struct {
		struct nlattr head;
		char name[sizeof(NOTIFY_LAB_FAMILY)];
	} name = { { NLA_HDRLEN + sizeof(NOTIFY_LAB_FAMILY), CTRL_ATTR_FAMILY_NAME },
		   NOTIFY_LAB_FAMILY };

	send_message(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, &name, name.head.nla_len);
	receive_message(fd, message);
	EXPECT(message->head.nlmsg_type == GENL_ID_CTRL);
	EXPECT(answer(fd) == 0);
}

static int family(int fd)
{
	struct message message;

	get_family(fd, &message);
	return *(const __u16 *)value(attribute_of(&message, CTRL_ATTR_FAMILY_ID));
}

void join_group(int fd)
{
	struct message message;
	const struct nlattr *groups;
	const struct nlattr *first;
	__u32 id;

	get_family(fd, &message);
	groups = attribute_of(&message, CTRL_ATTR_MCAST_GROUPS);
	first = value(groups);
	EXPECT(strcmp(nested(first, CTRL_ATTR_MCAST_GRP_NAME), NOTIFY_LAB_GROUP) == 0);
	id = *(const __u32 *)nested(first, CTRL_ATTR_MCAST_GRP_ID);
	EXPECT(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &id, sizeof(id)) == 0);
}

uint64_t get_notice(int fd, __u32 session)
{
	struct message message;
	uint64_t number;

	receive_message(fd, &message);
	EXPECT(message.genl.cmd == NOTIFY_LAB_CMD_NOTIFY);
	EXPECT(*(const __u32 *)value(attribute_of(&message, NOTIFY_LAB_ATTR_SESSION)) == session);
	memcpy(&number, value(attribute_of(&message, NOTIFY_LAB_ATTR_NUMBER)), sizeof(number));
	return number;
}

int put_raw(int fd, const void *attributes, unsigned int size)
{
	send_message(fd, family(fd), NOTIFY_LAB_CMD_NOTIFY, attributes, size);
	return answer(fd);
}

int put_notice(int fd, __u32 session, uint64_t number)
{
	struct {
		struct nlattr session_head;
		__u32 session;
		struct nlattr number_head;
		uint64_t number __attribute__((packed, aligned(4)));
	} attributes = {
		{ NLA_HDRLEN + sizeof(session), NOTIFY_LAB_ATTR_SESSION },
		session,
		{ NLA_HDRLEN + sizeof(number), NOTIFY_LAB_ATTR_NUMBER },
		number,
	};

	return put_raw(fd, &attributes, sizeof(attributes));
}
