/* SPDX-License-Identifier: MIT
 * What a listener remembers of those who came, and tells: ho_sock_listener_info.  Nothing here decides anything. */
#include "tcp.h"
#include "watch.h"

/* Something for this listener is dropped: the per-socket count that `ss -m` shows, and our own split by cause. */
void tcp_listen_drop_note(struct ho_stack *st, struct sock *lsk, enum ho_listen_drop cause, struct ho_endpoint peer)
{
	lsk->drops++;
	watch_drop(st, lsk, cause, peer);
	lsk->l->drops[cause]++;
	if (cause > HO_DROP_MEMORY)
		return;
	lsk->l->last_drop = st->now;
	lsk->l->last_drop_cause = cause;
	lsk->l->last_drop_peer = peer;
	lsk->l->last_drop_frame = st->cause.frame_in;
}

/* Somebody entered the accept queue or found it full, for the first time as far as we know.  Its length without a limit
 * is kept besides: each of the two makes it longer, each accept() shorter, and one that finds nothing ends it.
 * It is never too short; but who sends a SYN again is not recognized. */
void tcp_listen_wanted_note(struct sock *lsk, bool first)
{
	struct listen *l = lsk->l;

	if (first && l->accept_wanted < UINT32_MAX)
		l->accept_wanted++;
	l->accept_max = max_u32(l->accept_max, l->accept_count);
	l->accept_wanted = max_u32(l->accept_wanted, l->accept_count);
	l->accept_wanted_max = max_u32(l->accept_wanted_max, l->accept_wanted);
}

void tcp_listen_accepted_note(const struct ho_stack *st, struct sock *lsk, const struct sock *child)
{
	struct listen *l = lsk->l;

	l->accepted++;
	l->last_accept = st->now;
	if (st->now - child->queued_at > l->longest_wait)
		l->longest_wait = st->now - child->queued_at;
	if (l->accept_wanted > 0)
		l->accept_wanted--;
}

/* accept() asked for more than there was: it would have taken those that found no room, too. */
void tcp_listen_empty_note(struct sock *lsk)
{
	lsk->l->accept_wanted = 0;
}

/* ---- and tells ---- */

static enum ho_listen_clamp accept_clamp(const struct listen *l)
{
	return l->backlog < (uint32_t)l->backlog_asked ? HO_CLAMP_SOMAXCONN : HO_CLAMP_BACKLOG;
}

/* How many requests of peers that nothing proves: the rules of tcp_listen_on_syn, turned round. */
static uint32_t syn_holds(const struct ho_stack *st, const struct sock *lsk, enum ho_listen_clamp *clamp)
{
	uint32_t holds = lsk->l->backlog < UINT32_MAX ? lsk->l->backlog + 1 : UINT32_MAX;
	int64_t max = (int32_t)st->ctl.tcp_max_syn_backlog, unproven = max - (max >> 2) + 1;

	*clamp = accept_clamp(lsk->l);
	if (st->linux_profile == HO_LINUX_3_10) {
		holds = tcp_syn_queue_size_3_10(st, lsk);
		if (st->ctl.tcp_max_syn_backlog < lsk->l->backlog)
			*clamp = HO_CLAMP_MAX_SYN_BACKLOG;
	}
	if (st->ctl.tcp_syncookies == 2)
		return 0;
	if (!st->ctl.tcp_syncookies && unproven < holds) {
		*clamp = HO_CLAMP_MAX_SYN_BACKLOG;
		return unproven > 0 ? (uint32_t)unproven : 0;
	}
	return holds;
}

static void info_queues(const struct ho_stack *st, const struct sock *lsk, struct ho_listener_info *out)
{
	const struct listen *l = lsk->l;

	out->accept_queue = l->accept_count;
	out->accept_queue_max = l->accept_max;
	out->accept_queue_holds = l->backlog < UINT32_MAX ? l->backlog + 1 : UINT32_MAX;
	out->accept_queue_wanted = l->accept_wanted_max;
	out->accept_clamp = accept_clamp(l);
	out->syn_queue = l->syn_count;
	out->syn_queue_young = l->syn_young;
	out->syn_queue_max = l->syn_max;
	out->syn_queue_holds = syn_holds(st, lsk, &out->syn_clamp);
}

static void info_waiting(const struct sock *head, struct ho_listener_info *out)
{
	out->oldest_waiting = head != NULL ? head->queued_at : HO_NEVER;
	if (head != NULL)
		out->oldest_waiting_peer = (struct ho_endpoint){head->e.raddr, head->e.rport};
}

int ho_sock_listener_info(const struct ho_stack *s, int fd, struct ho_listener_info *out)
{
	const struct sock *sk = sock_by_fd(s, fd);
	const struct listen *l;

	if (sk == NULL)
		return -EBADF;
	if (sk->type != HO_SOCK_STREAM || sk->state != HO_LISTEN)
		return -EINVAL;
	l = sk->l;
	*out = (struct ho_listener_info){
		.fd = fd,
		.local = {sk->e.laddr, sk->e.lport},
		.backlog_asked = l->backlog_asked,
		.limit = l->backlog,
		.somaxconn = (uint32_t)s->ctl.somaxconn,
		.max_syn_backlog = (uint32_t)max_i32((int32_t)s->ctl.tcp_max_syn_backlog, 0),
		.syncookies = (int32_t)s->ctl.tcp_syncookies,
		.abort_on_overflow = s->ctl.tcp_abort_on_overflow != 0,
		.requests = l->requests,
		.cookies = l->cookies,
		.queued = l->queued,
		.accepted = l->accepted,
		.timed_out = l->timed_out,
		.listening_since = l->since,
		.last_accept = l->last_accept,
		.longest_wait = l->longest_wait,
		.last_drop = l->last_drop,
		.last_drop_cause = l->last_drop_cause,
		.last_drop_peer = l->last_drop_peer,
		.last_drop_frame = l->last_drop_frame,
	};
	memcpy(out->drops, l->drops, sizeof(out->drops));
	info_queues(s, sk, out);
	info_waiting(l->accept_head, out);
	return 0;
}
