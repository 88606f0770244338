/* SPDX-License-Identifier: MIT
 * A packet leaves: its header, its counters, the queue to the link or back to ourselves.
 *
 * Source: Linux 6.18 net/ipv4/ip_output.c __ip_local_out, ip_finish_output2, ip_mc_output; net/ipv4/route.c
 * __ip_select_ident, ip_idents_reserve. */
#include "ip_parts.h"

#define IP_HDR 20u
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4
#define ALL_HOSTS HO_ADDR(224, 0, 0, 1)

/* One counter for the packets of one destination, moved on by chance as time passes, so that it does not tell others
 * how much we send. */
uint16_t ip_ident_next(struct ho_stack *st, uint32_t saddr, uint32_t daddr, uint8_t protocol)
{
	uint64_t hash = siphash13_2u64(&st->key_ports, (uint64_t)daddr << 32 | saddr, UINT64_C(1) << 32 | protocol);
	struct ip_ident *i = &st->ip_ident[hash % IP_IDENTS];
	uint32_t elapsed_ms = (uint32_t)st->now_ms - i->stamp_ms;

	if (elapsed_ms > 0) {
		i->stamp_ms = (uint32_t)st->now_ms;
		i->next += (uint32_t)((uint64_t)stack_random(st) * elapsed_ms >> 32);
	}
	return (uint16_t)i->next++;
}

/* ---- header ---- */

static void header_emit(const struct ho_stack *st, uint8_t *ip, const struct ip_tx *t, uint32_t total_bytes)
{
	uint32_t ip_bytes = IP_HDR + (t->options != NULL ? t->options->len_bytes : 0);
	uint16_t sum;

	ip[0] = (uint8_t)(0x40 | ip_bytes / 4);
	ip[1] = t->tos;
	put16(ip + 2, (uint16_t)total_bytes);
	put16(ip + 4, t->id);
	put16(ip + 6, t->df ? IP_DF : 0);
	ip[8] = t->ttl != 0 ? t->ttl : (uint8_t)st->ctl.ip_default_ttl;
	ip[9] = t->protocol;
	put16(ip + 10, 0);
	put32(ip + 12, t->saddr);
	put32(ip + 16, t->daddr);
	if (unlikely(t->options != NULL)) {
		options_emit(st, ip, t->options, t->saddr, t->daddr);
		if (t->options->at.srr != 0)
			put32(ip + 16, t->options->first_hop);
		sum = csum_fold(csum_partial(ip, ip_bytes));
	} else {
		sum = csum_fold(csum_ip20(ip));
	}
	memcpy(ip + 10, &sum, 2);
}

static uint32_t header_bytes(const struct tx_frame *t)
{
	return (t->head[0] & 15u) * 4;
}

/* ---- queues ---- */

static void queue_push(struct frame_queue *q, struct tx_frame *t)
{
	t->f.next = NULL;
	if (q->tail != NULL)
		q->tail->next = &t->f;
	else
		q->head = &t->f;
	q->tail = &t->f;
	q->count++;
	if (t->sk_bytes == 0) /* nobody waits for it, and nobody would forget it */
		t->sk = NULL;
	if (t->sk != NULL)
		t->sk->dev_bytes += (int32_t)t->sk_bytes;
}

/* What we hear of our own broadcasts: a second frame over the same bytes. */
static void loop_copy(struct ho_stack *st, const struct tx_frame *t)
{
	struct tx_frame *c = frame_take(st);

	if (c == NULL)
		return;
	memcpy(c->head, t->head, t->f.slice[0].len_bytes);
	c->f.slice[0].len_bytes = t->f.slice[0].len_bytes;
	c->f.len_bytes = t->f.slice[0].len_bytes;
	c->f.hdr_len = t->f.hdr_len;
	c->f.csum = HO_CSUM_GOOD;
	for (unsigned i = 1; i < t->f.slice_count; i++) {
		struct block *b = t->block[i - 1];
		struct frag frag = {block_ref(b), (uint32_t)(t->f.slice[i].data - b->data), t->f.slice[i].len_bytes};

		frame_add(c, frag);
	}
	queue_push(&st->loop, c);
}

static void count_transmit(struct ho_stack *st, struct sock *sk, const struct tx_frame *t)
{
	count(st, sk, HO_IpOutTransmits);
	count_add(st, sk, HO_IpExtOutOctets, (int32_t)t->f.len_bytes);
}

static int output_loop(struct ho_stack *st, struct sock *sk, struct tx_frame *t, uint8_t protocol)
{
	count_transmit(st, sk, t);
	/* Nothing between us and ourselves damages bytes; what a program has summed itself is looked at. */
	if (t->f.csum == HO_CSUM_NONE && protocol == IP_PROTO_TCP)
		t->f.csum = HO_CSUM_GOOD;
	queue_push(&st->loop, t);
	return 0;
}

static void count_cast(struct ho_stack *st, struct sock *sk, const struct tx_frame *t, bool multicast)
{
	int32_t bytes = (int32_t)t->f.len_bytes;

	if (multicast) {
		count(st, sk, HO_IpExtOutMcastPkts);
		count_add(st, sk, HO_IpExtOutMcastOctets, bytes);
	} else {
		count(st, sk, HO_IpExtOutBcastPkts);
		count_add(st, sk, HO_IpExtOutBcastOctets, bytes);
	}
}

/* Linux's TCP hears of it and counts nothing; what goes through ip_send_skb counts (tx->discards). */
static int output_refuse(struct ho_stack *st, struct sock *sk, struct tx_frame *t, bool discards, enum ho_why why, int err)
{
	uint32_t waiting = why == HO_WHY_OUT_QUEUE_FULL ? st->out.count : 0;

	if (discards)
		count_why(st, sk, HO_IpOutDiscards, 1, why, waiting, waiting != 0 ? st->out_queue_max : 0);
	ho_frame_unref(&t->f);
	return err;
}

static void push_out(struct ho_stack *st, struct tx_frame *t)
{
	queue_push(&st->out, t);
}

/* A packet, or a fragment of one. */
static int link_push(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx)
{
	uint32_t daddr = tx->daddr;
	bool multicast = ip_is_multicast(daddr);

	count_transmit(st, sk, t); /* before the link has said yes, as Linux does */
	if (unlikely(st->out.count >= st->out_queue_max))
		return output_refuse(st, sk, t, tx->discards, HO_WHY_OUT_QUEUE_FULL, -ENOBUFS);
	if (unlikely(multicast || ip_is_broadcast(st, daddr)))
		count_cast(st, sk, t, multicast);
	if (t->f.gso == HO_GSO_NONE || (st->link_flags & HO_LINK_TSO)) {
		push_out(st, t);
		return 0;
	}
	gso_cut(st, t, push_out);
	ho_frame_unref(&t->f);
	return 0;
}

static bool is_larger(const struct tx_frame *t, uint32_t mtu)
{
	uint32_t bytes = t->f.gso == HO_GSO_NONE ? t->f.len_bytes : (uint32_t)t->f.hdr_len + t->f.gso_size;

	return mtu != 0 && bytes > mtu;
}

static int link_fragment(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx)
{
	int err = ip_fragment(st, sk, t, tx, link_push);

	t->sk = NULL;
	ho_frame_unref(&t->f);
	return err;
}

/* Of a super-frame: its packets are cut once more. */
static void segment_fragment(struct ho_stack *st, struct tx_frame *c)
{
	struct ip_tx tx = {.daddr = get32(c->head + 16)};

	tx.mtu = ip_mtu(st, tx.daddr);
	if (is_larger(c, tx.mtu))
		link_fragment(st, NULL, c, &tx);
	else
		link_push(st, NULL, c, &tx);
}

static int output_link(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx)
{
	if (unlikely(tx->daddr == ALL_HOSTS || ip_is_broadcast(st, tx->daddr)))
		loop_copy(st, t);
	if (likely(!is_larger(t, tx->mtu)))
		return link_push(st, sk, t, tx);
	if (t->f.gso == HO_GSO_NONE)
		return link_fragment(st, sk, t, tx);
	gso_cut(st, t, segment_fragment);
	ho_frame_unref(&t->f);
	return 0;
}

/* A packet that must not be cut does not fit: we tell ourselves, as a router would. */
static void too_large_push(struct ho_stack *st, struct tx_frame *c)
{
	const uint8_t *ip = c->head;
	struct rx rx = {.frame = &c->f, .ip = ip, .l4 = ip + header_bytes(c), .saddr = get32(ip + 12), .daddr = get32(ip + 16),
	                .ip_bytes = (uint16_t)header_bytes(c),
	                .l4_bytes = (uint16_t)(c->f.len_bytes - header_bytes(c)), .tos = ip[1], .ttl = ip[8],
	                .protocol = ip[9]};

	count(st, NULL, HO_IpFragFails);
	icmp_send_error(st, &rx, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, ip_mtu(st, rx.daddr));
	c->sk = NULL;
	ho_frame_unref(&c->f);
}

static int output_too_large(struct ho_stack *st, struct tx_frame *t)
{
	if (t->f.gso == HO_GSO_NONE) {
		too_large_push(st, t);
		return -EMSGSIZE;
	}
	gso_cut(st, t, too_large_push);
	ho_frame_unref(&t->f);
	return -EMSGSIZE;
}

static int output_frame(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx)
{
	uint32_t saddr;

	assert(t->f.slice[0].data == t->head && t->f.slice[0].len_bytes >= IP_HDR &&
	       t->f.len_bytes <= HO_FRAME_BYTES_MAX);
	if (unlikely(ip_route(st, tx->daddr, &saddr, NULL) < 0)) {
		ho_frame_unref(&t->f);
		return -ENETUNREACH;
	}
	count(st, sk, HO_IpOutRequests);
	header_emit(st, t->head, tx, t->f.len_bytes);
	if (unlikely(st->rule_count > 0) && rules_drop(st, true, tx->saddr, tx->daddr, tx->protocol, t->head + header_bytes(t),
	                                               t->f.slice[0].len_bytes - header_bytes(t)))
		return output_refuse(st, sk, t, tx->discards, HO_WHY_RULE, -EPERM);
	if (unlikely(tx->df && is_larger(t, tx->mtu)))
		return output_too_large(st, t);
	return ip_is_local(st, tx->daddr) ? output_loop(st, sk, t, tx->protocol) : output_link(st, sk, t, tx);
}

int ip_output(struct ho_stack *st, struct sock *sk, struct tx_frame *f, const struct ip_tx *t)
{
	int err;

	st->cause.frame_out = f->f.id;
	err = output_frame(st, sk, f, t);
	st->cause.frame_out = 0;
	return err;
}
