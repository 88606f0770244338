/* SPDX-License-Identifier: MIT
 * A packet leaves: its header, its counters, the queue to the link or back to ourselves.
 *
 * Source: Linux 6.18 net/ipv4/ip_output.c __ip_local_out, ip_finish_output2, ip_mc_output; net/ipv4/route.c
 * __ip_select_ident, ip_idents_reserve. */
#include "wire/likely.h"
#include "forward.h"
#include "ip_parts.h"
#include "neigh.h"

#define IP_HDR 20u
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4
#define UDP_CSUM_OFFSET 6u
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
	uint32_t ip_bytes = IP_HDR + (unlikely(t->options != NULL) ? t->options->len_bytes : 0);
	uint16_t sum;

	ip[0] = (uint8_t)(0x40 | ip_bytes / 4);
	ip[1] = t->tos;
	put16(ip + 2, (uint16_t)total_bytes);
	put16(ip + 4, t->id);
	put16(ip + 6, t->df ? IP_DF : 0);
	ip[8] = unlikely(t->ttl != 0) ? t->ttl : (uint8_t)st->ctl.ip_default_ttl;
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
	if (rarely(q->tail != NULL))
		q->tail->next = &t->f;
	else
		q->head = &t->f;
	q->tail = &t->f;
	q->count++;
	if (rarely(t->sk_bytes == 0)) /* nobody waits for it, and nobody would forget it */
		t->sk = NULL;
	if (t->sk != NULL)
		t->sk->dev_bytes += (int32_t)t->sk_bytes;
}

/* What we hear of our own broadcasts: a second frame over the same bytes. */
own_way static void loop_copy(struct ho_stack *st, const struct tx_frame *t)
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
static int output_refuse(struct ho_stack *st, struct sock *sk, struct tx_frame *t, bool discards, const struct link *full)
{
	enum ho_why why = full ? HO_WHY_OUT_QUEUE_FULL : HO_WHY_RULE;

	if (discards)
		count_why(st, sk, HO_IpOutDiscards, 1, why, full ? full->out.count : 0, full ? full->out_queue_max : 0);
	ho_frame_unref(&t->f);
	return full ? -ENOBUFS : -EPERM;
}

/* There is no entry for the next hop, and none can be made.  Linux says -ENOBUFS to all.  Its TCP waits half a second for
 * congestion only, which is a positive error: this is to it as a rule's drop. */
cold_path static int output_refuse_unknown(struct ho_stack *st, struct sock *sk, struct tx_frame *t, bool discards)
{
	if (discards)
		count_why(st, sk, HO_IpOutDiscards, 1, HO_WHY_NEIGH_TABLE_FULL, st->neighs.table.count, st->ctl.neigh_gc_thresh3);
	ho_frame_unref(&t->f);
	return discards ? -ENOBUFS : -EHOSTUNREACH;
}

/* The last moment to fill a checksum that the link will not. */
cold_path static void checksum_fill(struct tx_frame *t)
{
	uint32_t l4 = t->f.csum_start, at = l4 + t->f.csum_offset;
	uint16_t sum = csum_fold(frame_sum(&t->f, l4, t->f.len_bytes - l4));

	if (sum == 0 && t->f.csum_offset == UDP_CSUM_OFFSET) /* where 0 means that there is none */
		sum = UINT16_MAX;
	memcpy(t->head + at, &sum, 2);
	t->f.csum = HO_CSUM_NONE;
}

hot_path static void push_out(struct ho_stack *st, struct link *l, struct tx_frame *t)
{
	if (unlikely(t->f.csum == HO_CSUM_PARTIAL && (l->flags & HO_LINK_TX_CSUM) == 0))
		checksum_fill(t);
	if (unlikely(l->flags & HO_LINK_ETHERNET))
		neigh_output(st, l, t);
	else
		queue_push(&l->out, t);
}

void link_queue(struct ho_stack *st, struct link *l, struct tx_frame *t)
{
	(void)st;
	queue_push(&l->out, t);
}

/* A packet, or a fragment of one. */
hot_path static int link_push(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx,
                              const struct way *way)
{
	struct link *l = &st->link[way->link];

	count_transmit(st, sk, t); /* before the link has said yes, as Linux does */
	if (unlikely(l->out.count >= l->out_queue_max))
		return output_refuse(st, sk, t, tx->discards, l);
	if (unlikely(way->type != WAY_UNICAST))
		count_cast(st, sk, t, way->type == WAY_MULTICAST);
	else if (unlikely(l->flags & HO_LINK_ETHERNET) && unlikely(!neigh_room(st, way->link, way->next_hop)))
		return output_refuse_unknown(st, sk, t, tx->discards);
	if (mostly(t->f.gso == HO_GSO_NONE) || mostly(l->flags & (t->f.gso == HO_GSO_UDPV4 ? HO_LINK_USO : HO_LINK_TSO))) {
		push_out(st, l, t);
		return 0;
	}
	gso_cut(st, l, t, push_out);
	ho_frame_unref(&t->f);
	return 0;
}

static bool is_larger(const struct tx_frame *t, uint32_t mtu)
{
	uint32_t bytes = mostly(t->f.gso == HO_GSO_NONE) ? t->f.len_bytes : (uint32_t)t->f.hdr_len + t->f.gso_size;

	return likely(mtu != 0) && unlikely(bytes > mtu);
}

own_way static int link_fragment(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx,
                         const struct way *way)
{
	int err = ip_fragment(st, sk, t, tx, way, link_push);

	t->sk = NULL;
	ho_frame_unref(&t->f);
	return err;
}

/* Of a super-frame: its packets are cut once more. */
static void segment_fragment(struct ho_stack *st, struct link *l, struct tx_frame *c)
{
	struct ip_tx tx = {.daddr = get32(c->head + 16), .mtu = ip_mtu(st, get32(c->head + 16))};
	const struct way *way;

	(void)l;
	if (ip_way(st, tx.daddr, &way) < 0)
		ho_frame_unref(&c->f);
	else if (is_larger(c, tx.mtu))
		link_fragment(st, NULL, c, &tx, way);
	else
		link_push(st, NULL, c, &tx, way);
}

hot_path static int output_link(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx,
                                const struct way *way)
{
	if (unlikely(way->type == WAY_BROADCAST || (tx->daddr == ALL_HOSTS && !tx->keep_from_us)))
		loop_copy(st, t);
	if (likely(!is_larger(t, tx->mtu)))
		return link_push(st, sk, t, tx, way);
	if (t->f.gso == HO_GSO_NONE)
		return link_fragment(st, sk, t, tx, way);
	gso_cut(st, &st->link[way->link], t, segment_fragment);
	ho_frame_unref(&t->f);
	return 0;
}

/* A packet that must not be cut does not fit: we tell ourselves, as a router would. */
static void too_large_push(struct ho_stack *st, struct link *l, struct tx_frame *c)
{
	const uint8_t *ip = c->head;
	struct rx rx = {.frame = &c->f, .ip = ip, .l4 = ip + header_bytes(c), .saddr = get32(ip + 12), .daddr = get32(ip + 16),
	                .ip_bytes = (uint16_t)header_bytes(c),
	                .l4_bytes = (uint16_t)(c->f.len_bytes - header_bytes(c)), .tos = ip[1], .ttl = ip[8],
	                .protocol = ip[9]};

	(void)l;
	count(st, NULL, HO_IpFragFails);
	icmp_send_error(st, &rx, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, ip_mtu(st, rx.daddr));
	c->sk = NULL;
	ho_frame_unref(&c->f);
}

cold_path static int output_too_large(struct ho_stack *st, struct tx_frame *t)
{
	if (t->f.gso == HO_GSO_NONE) {
		too_large_push(st, NULL, t);
		return -EMSGSIZE;
	}
	gso_cut(st, NULL, t, too_large_push);
	ho_frame_unref(&t->f);
	return -EMSGSIZE;
}

static uint32_t first_hop(const struct ip_tx *tx)
{
	return unlikely(tx->options != NULL && tx->options->at.srr != 0) ? tx->options->first_hop : tx->daddr;
}

/* Linux: ip_queue_xmit counts for a connection; datagrams were counted where they were made, answers are not. */
cold_path static int output_nowhere(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx, int err)
{
	if (sk != NULL && !tx->discards)
		count(st, sk, HO_IpOutNoRoutes);
	ho_frame_unref(&t->f);
	return err;
}

hot_path static int output_frame(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx)
{
	const struct way *way;
	int err;

	assert(t->f.slice[0].data == t->head && t->f.slice[0].len_bytes >= IP_HDR &&
	       t->f.len_bytes <= HO_FRAME_BYTES_MAX);
	err = ip_way(st, first_hop(tx), &way);
	if (unlikely(err < 0))
		return output_nowhere(st, sk, t, tx, err);
	if (likely(!tx->hdrincl)) {
		count(st, sk, HO_IpOutRequests);
		header_emit(st, t->head, tx, t->f.len_bytes);
	}
	if (unlikely(rules_any(st, HO_HOOK_OUTPUT) &&
	             !rules_output(st, t, way->type == WAY_LOCAL ? FROM_LOOPBACK : way->link)))
		return output_refuse(st, sk, t, tx->discards, NULL);
	if (likely(tx->df) && unlikely(is_larger(t, tx->mtu)))
		return output_too_large(st, t);
	return way->type == WAY_LOCAL ? output_loop(st, sk, t, tx->protocol) : output_link(st, sk, t, tx, way);
}

void ip_output_forwarded(struct ho_stack *st, struct tx_frame *t, const struct way *way, uint32_t mtu)
{
	struct ip_tx tx = {.daddr = get32(t->head + 16), .mtu = mtu};

	output_link(st, NULL, t, &tx, way);
}

int ip_output(struct ho_stack *st, struct sock *sk, struct tx_frame *f, const struct ip_tx *t)
{
	int err;

	st->cause.frame_out = f->f.id;
	err = output_frame(st, sk, f, t);
	st->cause.frame_out = 0;
	return err;
}
