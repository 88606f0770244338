/* SPDX-License-Identifier: MIT
 * Neighbours: the Ethernet addresses of IPv4 addresses on a link (RFC 826), and what waits for them. */
#ifndef HO_CORE_NEIGH_H
#define HO_CORE_NEIGH_H

#include "core.h"

#define ETH_ALEN 6u
#define ETH_HDR 14u
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806

struct neigh {
	struct lnode node;       /* first */
	struct timer timer;      /* T_NEIGH */
	struct list order;       /* by age, oldest first */
	uint32_t addr;
	uint8_t link;
	uint8_t state;           /* enum ho_neigh_state */
	uint8_t probes;          /* asked without an answer */
	uint8_t mac[ETH_ALEN];
	int64_t confirmed_ms;    /* it was there; it may be before the stack was born */
	int64_t used_ms;         /* it was wanted while not REACHABLE */
	int64_t updated_ms;      /* mac or state changed */
	struct frame_queue waiting;
	uint32_t waiting_bytes;  /* as Linux charges them */
};

/* ---- ip_neigh.c ---- */
bool neigh_table_open(struct ho_stack *st); /* false: no memory */
void neigh_table_close(struct ho_stack *st);
/* Is there an entry for the address?  If not, one is made, which asks nobody yet.  Gives  false: the table is full, or no memory. */
bool neigh_room(struct ho_stack *st, uint32_t link, uint32_t addr);
/* A packet for a link with neighbours: goes out with an Ethernet header, or waits. Owns: takes the reference. */
void neigh_output(struct ho_stack *st, struct link *l, struct tx_frame *t);
void neigh_on_timer(struct ho_stack *st, struct timer *t);
/* Somebody says where an address is.  known_only: nobody is to be met by it.
 * Takes  state: HO_NEIGH_REACHABLE or HO_NEIGH_STALE; override: even if the entry says otherwise. */
void neigh_update(struct ho_stack *st, uint32_t link, uint32_t addr, const uint8_t mac[ETH_ALEN], uint8_t state,
                  bool override, bool known_only);
/* May packets go there at once?  If not, it is asked for. */
bool neigh_is_known(struct ho_stack *st, uint32_t link, uint32_t addr);
/* The first frame that waits for the address; NULL. */
const struct ho_frame *neigh_waiting(struct ho_stack *st, uint32_t link, uint32_t addr);
/* An entry has just changed: its first address of several counts. */
bool neigh_is_locked(const struct ho_stack *st, uint32_t link, uint32_t addr);

/* ---- arp.c ---- */
/* Gives  the packet behind the header, for IPv4 (one reference, the caller's), *cast: it was for others, too; NULL: it
 *        was none, or not for us.  Owns: takes over f. */
struct ho_frame *ether_on_frame(struct ho_stack *st, uint32_t link, struct ho_frame *f, bool *cast);
void ether_push(struct ho_stack *st, struct link *l, struct tx_frame *t, const uint8_t to[ETH_ALEN],
                uint16_t ethertype);
/* Asks for an address.  to: NULL for everybody; saddr: 0 for the link's. */
void arp_ask(struct ho_stack *st, uint32_t link, uint32_t addr, uint32_t saddr, const uint8_t *to);

#endif
