// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink in both directions, and the table of sessions, since a message
 * names its session. A session in the table is complete.
 */
#include <linux/xarray.h>
#include <net/genetlink.h>

#include "lab.h"

static DEFINE_XARRAY_ALLOC1(sessions);

int lab_genl_add(struct lab_session *session)
{
	return xa_alloc(&sessions, &session->id, session, xa_limit_31b, GFP_KERNEL);
}

void lab_genl_remove(struct lab_session *session)
{
	xa_erase(&sessions, session->id);
}

static int pass(u32 id, u64 number)
{
	struct lab_notification notification = { .number = number, .carried = 1 };
	struct lab_session *session;
	int error = -ENOENT;

	xa_lock(&sessions);
	session = xa_load(&sessions, id);
	if (session)
		error = lab_received(session, NOTIFY_LAB_RECEIVE_GENL, &notification);
	xa_unlock(&sessions);
	return error;
}

static int do_notify(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *session = info->attrs[NOTIFY_LAB_ATTR_SESSION];
	const struct nlattr *number = info->attrs[NOTIFY_LAB_ATTR_NUMBER];

	if (!session || !number)
		return -EINVAL;
	return pass(nla_get_u32(session), nla_get_u64(number));
}

static const struct nla_policy policy[] = {
	[NOTIFY_LAB_ATTR_SESSION] = { .type = NLA_U32 },
	[NOTIFY_LAB_ATTR_NUMBER] = { .type = NLA_U64 },
	[NOTIFY_LAB_ATTR_PAD] = { .type = NLA_REJECT },
};

static const struct genl_small_ops operations[] = {
	{ .cmd = NOTIFY_LAB_CMD_NOTIFY, .doit = do_notify, .flags = GENL_ADMIN_PERM },
};

static const struct genl_multicast_group groups[] = {
	{ .name = NOTIFY_LAB_GROUP },
};

static struct genl_family family __ro_after_init = {
	.name = NOTIFY_LAB_FAMILY,
	.version = NOTIFY_LAB_FAMILY_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	.maxattr = ARRAY_SIZE(policy) - 1,
	.policy = policy,
	.small_ops = operations,
	.n_small_ops = ARRAY_SIZE(operations),
	.resv_start_op = NOTIFY_LAB_CMD_NOTIFY + 1,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

static int put_attributes(struct sk_buff *skb, u32 session, u64 number)
{
	int error = nla_put_u32(skb, NOTIFY_LAB_ATTR_SESSION, session);

	if (error)
		return error;
	return nla_put_u64_64bit(skb, NOTIFY_LAB_ATTR_NUMBER, number, NOTIFY_LAB_ATTR_PAD);
}

/* NULL: there is no memory. */
static struct sk_buff *message(const struct lab_session *session, u64 number)
{
	size_t size = nla_total_size(sizeof(session->id)) + nla_total_size_64bit(sizeof(number));
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);
	void *head;

	if (!skb)
		return NULL;
	head = genlmsg_put(skb, 0, 0, &family, 0, NOTIFY_LAB_CMD_NOTIFY);
	if (!head || put_attributes(skb, session->id, number)) {
		nlmsg_free(skb);
		return NULL;
	}
	genlmsg_end(skb, head);
	return skb;
}

int lab_genl_unicast(struct lab_session *session, u64 number)
{
	struct sk_buff *skb = message(session, number);

	if (!skb)
		return -ENOMEM;
	return genlmsg_unicast(session->job.net, skb, session->job.request.port);
}

int lab_genl_multicast(struct lab_session *session, u64 number)
{
	struct sk_buff *skb = message(session, number);

	if (!skb)
		return -ENOMEM;
	return genlmsg_multicast_netns(&family, session->job.net, skb, 0, 0, GFP_KERNEL);
}

int lab_genl_init(void)
{
	return genl_register_family(&family);
}

void lab_genl_exit(void)
{
	genl_unregister_family(&family);
}
