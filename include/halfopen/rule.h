/* SPDX-License-Identifier: MIT
 * halfopen: the packet filter of a stack, with the words of iptables.
 *
 * Each hook has a chain of rules.  A packet meets them in order; the first one that matches decides, and if none does, the
 * chain's policy.  A rule that says nothing about a field matches any.  A stack is born without rules and accepts all.
 *
 * Where a hook lies, and what a drop there moves, is as in Linux 6.18:
 *   INPUT    a packet for us that is whole: counted by IpInReceives, not by IpInDelivers
 *   OUTPUT   a packet of ours: IpOutRequests, and IpOutDiscards but for segments of a connection and SYN+ACKs; the caller
 *            gets -EPERM
 *   FORWARD  a packet of others that has a way on: IpForwDatagrams, not IpOutTransmits
 * The text of a rule is view.h's. */
#ifndef HALFOPEN_RULE_H
#define HALFOPEN_RULE_H

#include "link.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ho_hook { HO_HOOK_INPUT, HO_HOOK_OUTPUT, HO_HOOK_FORWARD, HO_HOOKS };

enum ho_rule_action {
	HO_RULE_DROP,
	HO_RULE_ACCEPT,
	HO_RULE_REJECT, /* drops it and tells its sender */
};

/* With what: ICMP destination unreachable of a code, or a RST.  Bad checksums, fragments but the first, broadcasts, RSTs and
 * ICMP errors are dropped without an answer. */
enum ho_reject {
	HO_REJECT_PORT_UNREACHABLE,
	HO_REJECT_NET_UNREACHABLE,
	HO_REJECT_HOST_UNREACHABLE,
	HO_REJECT_PROTO_UNREACHABLE,
	HO_REJECT_NET_PROHIBITED,
	HO_REJECT_HOST_PROHIBITED,
	HO_REJECT_ADMIN_PROHIBITED,
	HO_REJECT_TCP_RESET,
	HO_REJECTS
};

/* Fields that must not be as said. */
#define HO_RULE_NOT_PROTOCOL 0x001u
#define HO_RULE_NOT_SADDR 0x002u
#define HO_RULE_NOT_DADDR 0x004u
#define HO_RULE_NOT_SPORT 0x008u
#define HO_RULE_NOT_DPORT 0x010u
#define HO_RULE_NOT_TCP_FLAGS 0x020u
#define HO_RULE_NOT_ICMP_TYPE 0x040u
#define HO_RULE_NOT_IN 0x080u
#define HO_RULE_NOT_OUT 0x100u
#define HO_RULE_NOT_FRAGMENT 0x200u

#define HO_RULE_ALWAYS UINT32_C(0x80000000) /* of a probability */
#define HO_RULES_MAX 1024                   /* of a chain */

struct ho_ports {
	bool given;
	uint16_t first, last;
};

struct ho_rule {
	uint8_t hook;              /* enum ho_hook */
	uint8_t action;            /* enum ho_rule_action */
	uint8_t reject_with;       /* enum ho_reject */
	uint8_t protocol;          /* 0: any */
	uint16_t invert;           /* HO_RULE_NOT_* */
	uint8_t saddr_len, daddr_len; /* of the prefixes; 0: any address */
	uint32_t saddr, daddr;     /* without bits behind the prefix */
	struct ho_ports sport, dport; /* TCP and UDP */
	uint8_t tcp_mask, tcp_set; /* the flags to look at (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32), and which of them are
	                              set; mask 0: any */
	bool icmp_type_given, icmp_code_given;
	uint8_t icmp_type, icmp_code;
	bool fragment;             /* the second and further pieces of a packet */
	char in[HO_LINK_NAME_MAX], out[HO_LINK_NAME_MAX]; /* name of the link ("lo" is one), "eth+": all that begin so; "": any */
	/* The rest is asked last, of packets that match so far. */
	uint32_t every, packet;    /* of each `every` the one of number `packet`, from 0; every 0: all */
	uint32_t probability;      /* of HO_RULE_ALWAYS; 0: always.  Drawn from the stack's secret */
	uint32_t first_count;      /* only so many; 0: any number */
};

/* Appends a rule to its chain, or puts it in front of the one of number index (0: the first; the chain's length: the end).
 * Gives  0; -EINVAL (a field, or two that do not go together: ports without TCP or UDP, flags or a RST without TCP, a type
 *        without ICMP, `in` at OUTPUT, `out` at INPUT), -ENOENT (no such index), -ENOSPC (HO_RULES_MAX), -ENOMEM. */
HO_API int ho_rule_add(struct ho_stack *s, const struct ho_rule *r);
HO_API int ho_rule_insert(struct ho_stack *s, const struct ho_rule *r, uint32_t index);
/* Gives  0, -ENOENT. */
HO_API int ho_rule_delete(struct ho_stack *s, enum ho_hook hook, uint32_t index);
/* Gives  the number of the first rule that says the same; -ENOENT. */
HO_API int ho_rule_find(const struct ho_stack *s, const struct ho_rule *r);
/* hook HO_HOOKS: all.  Policies stay. */
HO_API void ho_rule_flush(struct ho_stack *s, enum ho_hook hook);

/* Would it match this packet?  Links, chance and numbers of packets are not asked.
 * Takes  packet: IPv4, whole; anything else does not match. */
HO_API bool ho_rule_matches(const struct ho_rule *r, const void *packet, size_t len_bytes);

struct ho_rule_count {
	uint64_t packets, bytes; /* super-frames count as one; whole IPv4 packets */
};
/* Takes  out, count: may be NULL.
 * Gives  false after the last. */
HO_API bool ho_rule_get(const struct ho_stack *s, enum ho_hook hook, uint32_t index, struct ho_rule *out,
                        struct ho_rule_count *count);
/* Sets the counts of a chain and of its policy to 0; hook HO_HOOKS: of all. */
HO_API void ho_rule_zero(struct ho_stack *s, enum ho_hook hook);

/* What becomes of a packet that no rule matched: HO_RULE_ACCEPT, HO_RULE_DROP.  Such packets are counted unless the chain is
 * empty and accepts all: then it is not asked.
 * Gives  0, -EINVAL. */
HO_API int ho_rule_policy_set(struct ho_stack *s, enum ho_hook hook, enum ho_rule_action action);
HO_API enum ho_rule_action ho_rule_policy(const struct ho_stack *s, enum ho_hook hook, struct ho_rule_count *count);

#ifdef __cplusplus
}
#endif
#endif
