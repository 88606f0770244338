/* SPDX-License-Identifier: MIT
 * A packet too large for the link, which may be cut: fragments of 8-byte multiples, payload by reference.
 *
 * Theory of operation.  Each fragment is a frame with a header of its own; behind it lie pieces of the whole packet, which
 * lives until the last fragment is gone.  Only the L4 header is copied, into the first one, where its checksum is filled
 * in if the link was to do that: no device sums over fragments.
 *
 * Source: RFC 791 3.2; Linux 6.18 net/ipv4/ip_output.c ip_do_fragment, ip_frag_init, ip_frag_next; ip_options.c
 * ip_options_fragment. */
#include "ip_parts.h"

/* ---- frames made of pieces of others ---- */

static void borrowed_release(void *from)
{
	ho_frame_unref(from);
}

uint32_t frame_slices(const struct ho_frame *f, uint32_t offset, uint32_t len_bytes)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->slice_count && len_bytes > 0; i++) {
		uint32_t bytes = f->slice[i].len_bytes;

		if (offset >= bytes) {
			offset -= bytes;
			continue;
		}
		len_bytes -= min_u32(bytes - offset, len_bytes);
		offset = 0;
		count++;
	}
	return count;
}

static bool piece_add(struct ho_stack *st, struct tx_frame *to, struct ho_frame *from, const uint8_t *at,
                      uint32_t len_bytes)
{
	struct block *b = block_make_ref(st, at, borrowed_release, from);

	if (b == NULL)
		return false;
	ho_frame_ref(from);
	frame_add(to, (struct frag){b, 0, len_bytes});
	return true;
}

static bool copy_add(struct ho_stack *st, struct tx_frame *to, const struct ho_frame *from, uint32_t offset,
                     uint32_t len_bytes)
{
	while (len_bytes > 0) {
		struct frag frag;
		uint8_t *room = block_room(st, len_bytes, &frag);

		if (room == NULL)
			return false;
		ho_frame_read(from, offset, room, frag.len_bytes);
		frame_add(to, frag);
		offset += frag.len_bytes;
		len_bytes -= frag.len_bytes;
	}
	return true;
}

bool frame_borrow(struct ho_stack *st, struct tx_frame *to, struct ho_frame *from, uint32_t offset, uint32_t len_bytes)
{
	if (frame_slices(from, offset, len_bytes) > frame_slices_free(to))
		return copy_add(st, to, from, offset, len_bytes);
	for (uint32_t i = 0; i < from->slice_count && len_bytes > 0; i++) {
		const struct ho_slice *s = &from->slice[i];
		uint32_t bytes;

		if (offset >= s->len_bytes) {
			offset -= s->len_bytes;
			continue;
		}
		bytes = min_u32(s->len_bytes - offset, len_bytes);
		if (!piece_add(st, to, from, s->data + offset, bytes))
			return false;
		len_bytes -= bytes;
		offset = 0;
	}
	return true;
}

struct tx_frame *frame_own_head(struct ho_stack *st, struct ho_frame *from)
{
	struct tx_frame *c = frame_take(st);
	uint32_t head;

	if (c == NULL)
		return NULL;
	head = (uint32_t)ho_frame_read(from, 0, c->head, TX_HEAD_BYTES);
	c->f.slice[0].len_bytes = head;
	c->f.len_bytes = head;
	c->f.csum = from->csum;
	c->f.gso = from->gso;
	c->f.gso_size = from->gso_size;
	c->f.gso_segs = from->gso_segs;
	c->f.hdr_len = from->hdr_len;
	c->f.csum_start = from->csum_start;
	c->f.csum_offset = from->csum_offset;
	c->f.id = from->id;
	if (frame_borrow(st, c, from, head, from->len_bytes - head))
		return c;
	ho_frame_unref(&c->f);
	return NULL;
}

/* ---- cutting ---- */

struct cut {
	struct ho_frame *whole;
	uint8_t header[IP_HDR_MAX];
	uint32_t header_bytes, room_bytes; /* of payload in a fragment */
	uint32_t at, left;                 /* of payload */
	uint16_t frag;                     /* of the packet that is cut: it may be a fragment itself */
	uint32_t sk_bytes;                 /* of its charge, not given to a fragment yet */
};

static void header_write(const struct cut *k, uint8_t *ip, uint32_t payload_bytes)
{
	uint32_t offset = (k->frag & IP_OFFSET) + k->at / 8;
	bool more = payload_bytes < k->left || (k->frag & IP_MF);
	uint16_t sum;

	memcpy(ip, k->header, k->header_bytes);
	put16(ip + 2, (uint16_t)(k->header_bytes + payload_bytes));
	put16(ip + 6, (uint16_t)((k->frag & IP_DF) | offset | (more ? IP_MF : 0)));
	put16(ip + 10, 0);
	sum = csum_fold(csum_partial(ip, k->header_bytes));
	memcpy(ip + 10, &sum, 2);
}

/* How much of the first fragment's payload lies with its header. */
static uint32_t l4_header_bytes(const struct cut *k, uint32_t payload_bytes)
{
	const struct ho_frame *f = k->whole;
	uint32_t bytes = f->hdr_len > k->header_bytes ? f->hdr_len - k->header_bytes : 0;

	if (f->csum == HO_CSUM_PARTIAL)
		bytes = max_u32(bytes, f->csum_start - k->header_bytes + f->csum_offset + 2u);
	return min_u32(min_u32(bytes, payload_bytes), TX_HEAD_BYTES - k->header_bytes);
}

/* The field holds the pseudo-header's sum.  A UDP sum of 0 is written as the other zero. */
static void csum_fill(const struct ho_frame *whole, struct tx_frame *first)
{
	uint16_t sum = csum_fold(frame_sum(whole, whole->csum_start, whole->len_bytes - whole->csum_start));

	if (sum == 0)
		sum = 0xffff;
	memcpy(first->head + whole->csum_start + whole->csum_offset, &sum, 2);
}

/* The checksum's field is in the part of the first fragment that is copied. */
static bool csum_within_reach(const struct cut *k)
{
	const struct ho_frame *f = k->whole;
	uint32_t end = (uint32_t)f->csum_start + f->csum_offset + 2;

	return f->csum != HO_CSUM_PARTIAL ||
	       (f->csum_start >= k->header_bytes && end <= TX_HEAD_BYTES && end <= k->header_bytes + k->room_bytes);
}

static struct tx_frame *fragment_make(struct ho_stack *st, const struct cut *k, uint32_t payload_bytes)
{
	struct tx_frame *c = frame_take(st);
	uint32_t l4 = k->at == 0 ? l4_header_bytes(k, payload_bytes) : 0;

	if (c == NULL)
		return NULL;
	header_write(k, c->head, payload_bytes);
	ho_frame_read(k->whole, k->header_bytes, c->head + k->header_bytes, l4);
	c->f.slice[0].len_bytes = k->header_bytes + l4;
	c->f.len_bytes = k->header_bytes + l4;
	c->f.hdr_len = (uint16_t)(k->header_bytes + l4);
	if (k->at == 0 && k->whole->csum == HO_CSUM_PARTIAL)
		csum_fill(k->whole, c);
	if (frame_borrow(st, c, k->whole, k->header_bytes + k->at + l4, payload_bytes - l4))
		return c;
	ho_frame_unref(&c->f);
	return NULL;
}

static uint32_t payload_next(const struct cut *k)
{
	return k->left <= k->room_bytes ? k->left : k->room_bytes & ~7u;
}

static struct tx_frame *fragment_next(struct ho_stack *st, struct cut *k, const struct tx_frame *t)
{
	uint32_t payload = payload_next(k), share = k->sk_bytes;
	struct tx_frame *c = fragment_make(st, k, payload);

	if (c == NULL)
		return NULL;
	if (k->at == 0) {
		c->f.id = t->f.id; /* the counters have moved in this one's name */
		options_uncopied_clear(k->header);
	}
	if (payload < k->left)
		share = (uint32_t)((uint64_t)k->sk_bytes * payload / k->left);
	c->sk = t->sk;
	c->sk_bytes = share;
	k->sk_bytes -= share;
	k->at += payload;
	k->left -= payload;
	return c;
}

static int cut_all(struct ho_stack *st, struct sock *sk, struct cut *k, const struct tx_frame *t,
                   const struct ip_tx *tx, const struct way *way, fragment_push *push)
{
	if (payload_next(k) == 0 || !csum_within_reach(k))
		return -EMSGSIZE;
	while (k->left > 0) {
		struct tx_frame *c = fragment_next(st, k, t);
		int err = c != NULL ? push(st, sk, c, tx, way) : -ENOBUFS;

		if (err < 0)
			return err;
		count(st, sk, HO_IpFragCreates);
	}
	return 0;
}

int ip_fragment(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx, const struct way *way,
                fragment_push *push)
{
	struct cut k = {.whole = &t->f, .header_bytes = (t->head[0] & 15u) * 4, .frag = get16(t->head + 6)};
	int err;

	k.room_bytes = tx->mtu - k.header_bytes;
	k.left = t->f.len_bytes - k.header_bytes;
	k.sk_bytes = t->sk_bytes;
	memcpy(k.header, t->head, k.header_bytes);
	err = cut_all(st, sk, &k, t, tx, way, push);
	count(st, sk, err < 0 ? HO_IpFragFails : HO_IpFragOKs);
	return err;
}
