/* SPDX-License-Identifier: MIT
 * Ethernet headers on and off, and ARP: where is an address, and who asks for ours.
 *
 * Every address of ours is answered for on every link (arp_ignore 0), and any may ask (arp_announce 0), as our
 * addresses are the host's and not a link's.  A question makes its asker a neighbour; an answer to nobody's question is
 * news only about those that we know.
 *
 * Source: RFC 826, RFC 5227; Linux 6.18 net/ipv4/arp.c arp_rcv, arp_process, arp_solicit, arp_is_garp, arp_create;
 * net/ethernet/eth.c eth_type_trans. */
#include "forward.h"
#include "neigh.h"

#define ARP_BYTES 28u
#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define AT_SHA 8
#define AT_SIP 14
#define AT_THA 18
#define AT_TIP 24
#define ETHER_ROOM (sizeof(((struct tx_frame *)0)->lower) - ETH_HDR)

static const uint8_t everybody[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* ---- out ---- */

void ether_push(struct ho_stack *st, struct link *l, struct tx_frame *t, const uint8_t to[ETH_ALEN], uint16_t ethertype)
{
	uint8_t *header = t->lower + ETHER_ROOM;

	memcpy(header, to, ETH_ALEN);
	memcpy(header + ETH_ALEN, l->mac, ETH_ALEN);
	put16(header + 2 * ETH_ALEN, ethertype);
	t->f.slice[0].data = header;
	t->f.slice[0].len_bytes += ETH_HDR;
	t->f.len_bytes += ETH_HDR;
	if (t->f.hdr_len != 0)
		t->f.hdr_len = (uint16_t)(t->f.hdr_len + ETH_HDR);
	link_queue(st, l, t);
}

struct arp {
	uint16_t op;
	uint32_t sip, tip;
	uint8_t sha[ETH_ALEN], tha[ETH_ALEN];
};

static void arp_send(struct ho_stack *st, uint32_t link, const struct arp *a, const uint8_t *to)
{
	struct link *l = &st->link[link];
	struct tx_frame *t;
	uint8_t *p;

	if (l->out.count >= l->out_queue_max)
		return;
	t = frame_take(st);
	if (t == NULL)
		return;
	p = t->head;
	put16(p, ARP_ETHERNET);
	put16(p + 2, ETH_P_IP);
	p[4] = ETH_ALEN;
	p[5] = 4;
	put16(p + 6, a->op);
	memcpy(p + AT_SHA, a->sha, ETH_ALEN);
	put32(p + AT_SIP, a->sip);
	memcpy(p + AT_THA, a->tha, ETH_ALEN);
	put32(p + AT_TIP, a->tip);
	t->f.slice[0].len_bytes = ARP_BYTES;
	t->f.len_bytes = ARP_BYTES;
	ether_push(st, l, t, to, ETH_P_ARP);
}

void arp_ask(struct ho_stack *st, uint32_t link, uint32_t addr, uint32_t saddr, const uint8_t *to)
{
	struct arp a = {.op = ARP_REQUEST, .sip = saddr != 0 ? saddr : ip_link_source(st, link, addr), .tip = addr};

	memcpy(a.sha, st->link[link].mac, ETH_ALEN);
	arp_send(st, link, &a, to != NULL ? to : everybody);
}

/* ---- in ---- */

static bool arp_parse(const uint8_t *p, struct arp *a)
{
	if (get16(p) != ARP_ETHERNET || get16(p + 2) != ETH_P_IP || p[4] != ETH_ALEN || p[5] != 4)
		return false;
	a->op = get16(p + 6);
	memcpy(a->sha, p + AT_SHA, ETH_ALEN);
	a->sip = get32(p + AT_SIP);
	memcpy(a->tha, p + AT_THA, ETH_ALEN);
	a->tip = get32(p + AT_TIP);
	return a->op == ARP_REQUEST || a->op == ARP_REPLY;
}

static void arp_reply(struct ho_stack *st, uint32_t link, const struct arp *to)
{
	struct arp a = {.op = ARP_REPLY, .sip = to->tip, .tip = to->sip};

	memcpy(a.sha, st->link[link].mac, ETH_ALEN);
	memcpy(a.tha, to->sha, ETH_ALEN);
	arp_send(st, link, &a, to->sha);
}

/* A packet from there to there would be for us. */
static bool is_asked_for_us(struct ho_stack *st, uint32_t link, const struct arp *a)
{
	struct rx rx = {.saddr = a->sip, .daddr = a->tip, .link = (uint8_t)link};
	const struct way_in *in;

	return ip_destination(st, &rx, &in) == TO_US;
}

/* Somebody says of himself where he is. */
static bool is_gratuitous(const struct ho_stack *st, const struct arp *a)
{
	return a->sip == a->tip && (a->op == ARP_REQUEST || memcmp(a->sha, a->tha, ETH_ALEN) == 0) &&
	       !ip_is_local(st, a->sip) && !ip_is_multicast(a->sip) && !ip_is_broadcast(st, a->sip);
}

static void arp_on_packet(struct ho_stack *st, uint32_t link, const struct arp *a, bool cast)
{
	bool news;

	if (ip_is_multicast(a->tip) || ip_is_loopback(a->tip))
		return;
	if (a->sip == 0) { /* is the address free? */
		if (a->op == ARP_REQUEST && address_find(st, a->tip) != NULL)
			arp_reply(st, link, a);
		return;
	}
	if (a->op == ARP_REQUEST && is_asked_for_us(st, link, a)) {
		neigh_update(st, link, a->sip, a->sha, HO_NEIGH_STALE, true, false);
		arp_reply(st, link, a);
		return;
	}
	news = !neigh_is_locked(st, link, a->sip) || is_gratuitous(st, a);
	neigh_update(st, link, a->sip, a->sha, a->op == ARP_REPLY && !cast ? HO_NEIGH_REACHABLE : HO_NEIGH_STALE, news,
	             true);
}

/* ---- off with the header ---- */

static void facts_shift(const struct ho_frame *from, struct ho_frame *to)
{
	to->id = from->id;
	to->gso = from->gso;
	to->gso_size = from->gso_size;
	to->gso_segs = from->gso_segs;
	to->hdr_len = (uint16_t)(from->hdr_len > ETH_HDR ? from->hdr_len - ETH_HDR : 0);
	if (from->csum == HO_CSUM_PARTIAL && from->csum_start < ETH_HDR)
		return;
	to->csum = from->csum;
	to->csum_offset = from->csum_offset;
	to->csum_start = (uint16_t)(from->csum == HO_CSUM_PARTIAL ? from->csum_start - ETH_HDR : 0);
}

/* In place if nobody else holds the frame; else another one over its bytes. */
static struct ho_frame *ether_strip(struct ho_stack *st, struct ho_frame *f)
{
	struct tx_frame *t;

	if (f->refs == 1 && f->slice[0].len_bytes > ETH_HDR && f->gso == HO_GSO_NONE && f->csum != HO_CSUM_PARTIAL) {
		f->slice[0].data += ETH_HDR;
		f->slice[0].len_bytes -= ETH_HDR;
		f->len_bytes -= ETH_HDR;
		f->hdr_len = 0;
		return f;
	}
	t = frame_over(st, f, ETH_HDR, f->len_bytes - ETH_HDR, TX_HEAD_BYTES);
	if (t != NULL)
		facts_shift(f, &t->f);
	ho_frame_unref(f);
	return t != NULL ? &t->f : NULL;
}

struct ho_frame *ether_on_frame(struct ho_stack *st, uint32_t link, struct ho_frame *f, bool *cast)
{
	uint8_t header[ETH_HDR + ARP_BYTES];
	size_t bytes = ho_frame_read(f, 0, header, sizeof(header));
	struct arp a;

	*cast = (header[0] & 1) != 0;
	if (bytes < ETH_HDR + 1 || (!*cast && memcmp(header, st->link[link].mac, ETH_ALEN) != 0))
		goto drop;
	switch (get16(header + 2 * ETH_ALEN)) {
	case ETH_P_IP: return ether_strip(st, f);
	case ETH_P_ARP:
		if (bytes == sizeof(header) && arp_parse(header + ETH_HDR, &a))
			arp_on_packet(st, link, &a, *cast);
		break;
	default: break;
	}
drop:
	ho_frame_unref(f);
	return NULL;
}
