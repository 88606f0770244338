/* SPDX-License-Identifier: MIT
 * A listener closes, or is shut down, and others of its SO_REUSEPORT group are there: who waits at it moves to one of them.
 *
 * Theory of operation.  Only with net.ipv4.tcp_migrate_req, which is asked twice: when the listener goes (else it leaves its
 * group, and nothing is counted later), and when something is to move.  The group is a number in struct listen that outlives
 * the listener's place in the table; whom something moves to is said by its 4-tuple's hash, among those who listen then.
 *
 *   accept queue     moves at once, in order, whether or not there is room         tcp_migrate_child
 *   request, timer   moves, and is sent its SYN+ACK again                          tcp_migrate_request
 *   request, segment does not move: another one answers in the place of its listener until the final ACK makes a
 *                    connection, which enters that one's accept queue if there is room   tcp_request_on_segment
 *
 * So a request that a segment ends has been counted by one listener while another deals with it, and Linux counts it out of
 * the latter's SYN queue.  One below 0 is, to a comparison without sign, longer than any limit: the queue is full from then
 * on, until a request that moves there or the SYN of a recent TIME-WAIT makes up for it.  syn_stray has the difference.
 *
 * Source: Linux 6.18 net/core/sock_reuseport.c reuseport_migrate_sock; inet_connection_sock.c inet_csk_listen_stop,
 * reqsk_timer_handler, inet_csk_complete_hashdance; tcp_minisocks.c tcp_check_req; measured: experiment
 * reuseport_migrate. */
#include "request.h"
#include "tcp.h"
#include "watch.h"

struct sock *tcp_migrate_target(struct ho_stack *st, struct sock *lsk, const struct entry *e)
{
	struct sock *to = NULL;

	if (lsk->l->group == 0)
		return NULL;
	if (st->ctl.tcp_migrate_req)
		to = listener_of_group(st, lsk->l->group, e);
	if (to == NULL)
		count(st, lsk, HO_TcpExtTCPMigrateReqFailure);
	return to;
}

struct sock *tcp_migrate_request(struct ho_stack *st, struct request *req)
{
	struct sock *from = tcp_request_listener(st, req), *to = tcp_migrate_target(st, from, &req->e);

	if (to == NULL)
		return NULL;
	to->l->syn_count++;
	to->l->syn_young += req->e.timeouts == 0;
	to->l->syn_max = max_u32(to->l->syn_max, to->l->syn_count);
	req->listener = to->l->slot & 0x3fffff;
	tcp_request_gone(st, from, req, HO_LEFT_LISTENER_CLOSED);
	watch_queue(st, to, &req->e, HO_QUEUE_SYN, HO_LEFT_NOT);
	return to;
}

/* Its handshake may still go on (Fast Open). */
static void fastopen_child_move(struct sock *child, struct sock *to)
{
	struct fastopen_child *c = child->busy->fo_child;
	struct fastopen_queue *q = to->habits->fo_queue;

	list_del(&c->link);
	c->lsk = q != NULL ? to : NULL;
	if (q != NULL)
		list_add_tail(&q->pending, &c->link);
}

/* Out of lsk's accept queue, which the caller has done, and into another's. */
bool tcp_migrate_child(struct ho_stack *st, struct sock *lsk, struct sock *child)
{
	struct sock *to = tcp_migrate_target(st, lsk, &child->e);
	ho_time_ns since = child->queued_at;

	if (to == NULL)
		return false;
	if (unlikely(child->busy->fo_child))
		fastopen_child_move(child, to);
	tcp_accept_queue_push(st, to, child);
	child->queued_at = since;
	tcp_listen_wanted_note(to, true);
	count(st, to, HO_TcpExtTCPMigrateReqSuccess);
	sock_wake(st, to);
	return true;
}

/* lsk ends a request that may be another's.  Linux: __inet_csk_reqsk_queue_drop. */
void tcp_migrate_miscount(struct ho_stack *st, const struct sock *lsk, const struct request *req)
{
	struct listen *of = tcp_request_listener(st, req)->l, *by = lsk->l;
	uint32_t young = req->e.timeouts == 0;

	of->syn_stray++;
	of->young_stray += young;
	by->syn_stray--;
	by->young_stray -= young;
}
