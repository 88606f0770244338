/* SPDX-License-Identifier: MIT
 * The packet filter's inside. */
#ifndef HO_CORE_RULES_H
#define HO_CORE_RULES_H

#include <halfopen/rule.h>

#include "route.h"

struct ho_stack;
struct rx;
struct tx_frame;

struct rule {
	struct ho_rule r;
	struct ho_rule_count count;
	uint32_t nth;  /* packets of r.every seen */
	uint32_t left; /* of r.first_count */
};

struct chain {
	struct rule *rule;
	uint32_t count, room;
	enum ho_rule_action policy;
	struct ho_rule_count passed; /* by the policy */
};

/* Does it go on?  To be asked only if rules_any() says so. */
bool rules_input(struct ho_stack *st, struct rx *rx);
bool rules_forward(struct ho_stack *st, struct rx *rx, int out_link);
bool rules_output(struct ho_stack *st, struct tx_frame *t, int out_link); /* its IPv4 header is written */
void rules_init(struct ho_stack *st);
void rules_fini(struct ho_stack *st);

#endif
