/* SPDX-License-Identifier: MIT
 * All fragments are there: the packet that they make.  Its header is the first one's, written anew, and lies with the
 * first bytes of the payload in the frame; the rest are pieces of the fragments, or copied if they are too many.
 *
 * Source: Linux 6.18 net/ipv4/ip_fragment.c ip_frag_reasm; net/ipv4/inet_fragment.c inet_frag_reasm_finish,
 * ip_frag_ecn_table. */
#include "reasm.h"

#define PACKET_BYTES_MAX 65535u

/* Marked in some fragments and not in others: somebody on the way lies.  Gives  what the header's TOS gets besides. */
static bool ecn_combine(uint8_t seen, uint8_t *mark)
{
	const uint8_t not_ect = 1 << 0, ect = 1 << 1 | 1 << 2, ce = 1 << 3;

	*mark = (seen & ce) && (seen & ect) ? 3 : 0;
	return !(seen & not_ect) || seen == not_ect;
}

static void header_write(const struct reasm_queue *q, uint8_t *ip, uint32_t ip_bytes, uint8_t mark)
{
	uint16_t sum;

	ip[1] |= mark;
	put16(ip + 2, (uint16_t)(ip_bytes + q->len_bytes));
	put16(ip + 6, q->size_df_max == q->size_max ? IP_DF : 0);
	put16(ip + 10, 0);
	sum = csum_fold(csum_partial(ip, ip_bytes));
	memcpy(ip + 10, &sum, 2);
}

/* Where the next payload byte is. */
struct cursor {
	struct fragment *f, *run;
	uint32_t at; /* in f */
};

static uint32_t cursor_bytes(const struct cursor *c)
{
	return c->f->len_bytes - c->at;
}

static void cursor_advance(struct cursor *c, uint32_t bytes)
{
	c->at += bytes;
	if (c->at < c->f->len_bytes)
		return;
	c->f = fragment_next(c->f, &c->run);
	c->at = 0;
}

static void cursor_read(struct cursor *c, uint8_t *to, uint32_t len_bytes)
{
	while (len_bytes > 0) {
		uint32_t bytes = min_u32(len_bytes, cursor_bytes(c));

		ho_frame_read(c->f->frame, c->f->ip_bytes + c->at, to, bytes);
		to += bytes;
		len_bytes -= bytes;
		cursor_advance(c, bytes);
	}
}

/* In how many slices the rest lies; not counted further than to too many. */
static uint32_t rest_slices(struct cursor c, uint32_t max_count)
{
	uint32_t count = 0;

	while (c.f != NULL && count <= max_count) {
		count += frame_slices(c.f->frame, c.f->ip_bytes + c.at, cursor_bytes(&c));
		cursor_advance(&c, cursor_bytes(&c));
	}
	return count;
}

static bool rest_borrow(struct ho_stack *st, struct tx_frame *whole, struct cursor c)
{
	while (c.f != NULL) {
		if (!frame_borrow(st, whole, c.f->frame, c.f->ip_bytes + c.at, cursor_bytes(&c)))
			return false;
		cursor_advance(&c, cursor_bytes(&c));
	}
	return true;
}

static bool rest_copy(struct ho_stack *st, struct tx_frame *whole, struct cursor c, uint32_t len_bytes)
{
	while (len_bytes > 0) {
		struct frag frag;
		uint8_t *room = block_room(st, len_bytes, &frag);

		if (room == NULL)
			return false;
		frame_add(whole, frag);
		cursor_read(&c, room, frag.len_bytes);
		len_bytes -= frag.len_bytes;
	}
	return true;
}

/* A device has vouched for the bytes only if it has for each fragment's. */
static uint8_t csum_of(const struct reasm_queue *q)
{
	struct fragment *run = fragment_first(q);

	for (const struct fragment *f = run; f != NULL; f = fragment_next(f, &run))
		if (f->frame->csum == HO_CSUM_NONE)
			return HO_CSUM_NONE;
	return HO_CSUM_GOOD;
}

static bool whole_fill(struct ho_stack *st, const struct reasm_queue *q, struct tx_frame *whole, uint8_t mark)
{
	struct cursor c = {.f = fragment_first(q)};
	uint32_t ip_bytes = c.f->ip_bytes, head = min_u32(TX_HEAD_BYTES - ip_bytes, q->len_bytes);

	c.run = c.f;
	ho_frame_read(c.f->frame, 0, whole->head, ip_bytes);
	header_write(q, whole->head, ip_bytes, mark);
	cursor_read(&c, whole->head + ip_bytes, head);
	whole->f.slice[0].len_bytes = ip_bytes + head;
	whole->f.len_bytes = ip_bytes + head;
	whole->f.hdr_len = (uint16_t)(ip_bytes + min_u32(head, 8));
	whole->f.csum = csum_of(q);
	if (rest_slices(c, frame_slices_free(whole)) <= frame_slices_free(whole))
		return rest_borrow(st, whole, c);
	return rest_copy(st, whole, c, q->len_bytes - head);
}

struct ho_frame *reasm_whole_make(struct ho_stack *st, const struct reasm_queue *q, const struct rx *rx)
{
	uint32_t bytes = fragment_first(q)->ip_bytes + q->len_bytes;
	struct tx_frame *whole = NULL;
	uint8_t mark;

	if (!ecn_combine(q->ecn, &mark)) {
		reasm_fail(st, HO_WHY_FRAG_ECN, 0, 0);
		return NULL;
	}
	if (bytes > PACKET_BYTES_MAX) {
		reasm_fail(st, HO_WHY_FRAG_TOO_LONG, bytes, 0);
		return NULL;
	}
	whole = frame_take(st);
	if (whole != NULL && whole_fill(st, q, whole, mark)) {
		whole->f.id = rx->frame->id; /* it is this one's doing */
		return &whole->f;
	}
	if (whole != NULL)
		ho_frame_unref(&whole->f);
	reasm_fail(st, HO_WHY_NO_MEMORY, 0, 0);
	return NULL;
}
