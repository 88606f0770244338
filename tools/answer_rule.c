/* SPDX-License-Identifier: MIT
 * What a running host answers to `rule`: its packet filter, in iptables' words. */
#include "answer.h"

#include "tools.h"

#include <halfopen/view.h>

#include <errno.h>
#include <string.h>

#define SPEC_BYTES 1024

static bool hook_parse(const char *word, enum ho_hook *hook)
{
	static const char *const names[HO_HOOKS] = {"INPUT", "OUTPUT", "FORWARD"};

	for (unsigned i = 0; i < HO_HOOKS; i++)
		if (strcmp(word, names[i]) == 0) {
			*hook = (enum ho_hook)i;
			return true;
		}
	return false;
}

static void words_join(int count, char **words, char spec[SPEC_BYTES])
{
	size_t used = 0;

	spec[0] = '\0';
	for (int i = 0; i < count && used + strlen(words[i]) + 2 < SPEC_BYTES; i++)
		used += (size_t)snprintf(spec + used, SPEC_BYTES - used, "%s%s", i > 0 ? " " : "", words[i]);
}

static int spec_take(int count, char **words, struct ho_rule *r, FILE *out)
{
	char spec[SPEC_BYTES], why[256];

	words_join(count, words, spec);
	return ho_view_rule_parse(spec, r, why, sizeof(why)) == 0 ? EXIT_FINE
	                                                          : answer_wrong(out, EXIT_USAGE, "%s", why);
}

static int refused(FILE *out, int err)
{
	return answer_wrong(out, EXIT_FAILED, "%s",
	                    err == -ENOSPC   ? "the chain is full"
	                    : err == -ENOENT ? "there is no such rule; `halfopen rule list` shows them"
	                                     : strerror(-err));
}

static int rule_add(struct asked *a, int count, char **words, FILE *out)
{
	struct ho_rule r;
	int status = spec_take(count, words, &r, out), err;

	if (status != EXIT_FINE)
		return status;
	err = ho_rule_add(a->stack, &r);
	return err == 0 ? EXIT_FINE : refused(out, err);
}

/* HOOK [NUMBER] SPEC: in front of the first one, or of that number. */
static int rule_insert(struct asked *a, int count, char **words, FILE *out)
{
	struct ho_rule r;
	uint64_t number = 1;
	int status, err;

	if (count > 1 && parse_u64(words[1], 1, UINT32_MAX, &number)) {
		words[1] = words[0];
		words++;
		count--;
	}
	status = spec_take(count, words, &r, out);
	if (status != EXIT_FINE)
		return status;
	err = ho_rule_insert(a->stack, &r, (uint32_t)(number - 1));
	return err == 0 ? EXIT_FINE : refused(out, err);
}

/* HOOK NUMBER, or HOOK SPEC. */
static int rule_delete(struct asked *a, int count, char **words, FILE *out)
{
	struct ho_rule r;
	enum ho_hook hook;
	uint64_t number;
	int status, at;

	if (count == 2 && hook_parse(words[0], &hook) && parse_u64(words[1], 1, UINT32_MAX, &number)) {
		at = ho_rule_delete(a->stack, hook, (uint32_t)(number - 1));
		return at == 0 ? EXIT_FINE : refused(out, at);
	}
	status = spec_take(count, words, &r, out);
	if (status != EXIT_FINE)
		return status;
	at = ho_rule_find(a->stack, &r);
	if (at < 0)
		return refused(out, at);
	ho_rule_delete(a->stack, r.hook, (uint32_t)at);
	return EXIT_FINE;
}

struct listing {
	const struct ho_stack *stack;
	enum ho_hook hook;
	bool counts, json;
};

static size_t list_view(const void *ctx, char *buf, size_t cap_bytes)
{
	const struct listing *l = ctx;

	return l->json ? ho_view_rules_json(l->stack, l->hook, buf, cap_bytes)
	               : ho_view_rules(l->stack, l->hook, l->counts, buf, cap_bytes);
}

static int rule_list(struct asked *a, int count, char **words, FILE *out)
{
	struct listing l = {.stack = a->stack, .hook = HO_HOOKS};

	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "-v") == 0)
			l.counts = true;
		else if (strcmp(words[i], "--json") == 0)
			l.json = true;
		else if (l.hook != HO_HOOKS || !hook_parse(words[i], &l.hook))
			return answer_wrong(out, EXIT_USAGE, "rule list takes INPUT, OUTPUT or FORWARD, -v and --json");
	}
	return answer_print(list_view, &l, out);
}

/* flush and zero: of one hook, or of all */
static int hook_take(int count, char **words, enum ho_hook *hook, FILE *out)
{
	*hook = HO_HOOKS;
	if (count == 0 || (count == 1 && hook_parse(words[0], hook)))
		return EXIT_FINE;
	return answer_wrong(out, EXIT_USAGE, "INPUT, OUTPUT or FORWARD is wanted, or nothing for all");
}

static int rule_flush(struct asked *a, int count, char **words, FILE *out)
{
	enum ho_hook hook;
	int status = hook_take(count, words, &hook, out);

	if (status == EXIT_FINE)
		ho_rule_flush(a->stack, hook);
	return status;
}

static int rule_zero(struct asked *a, int count, char **words, FILE *out)
{
	enum ho_hook hook;
	int status = hook_take(count, words, &hook, out);

	if (status == EXIT_FINE)
		ho_rule_zero(a->stack, hook);
	return status;
}

static int rule_policy(struct asked *a, int count, char **words, FILE *out)
{
	bool accept = count == 2 && strcmp(words[1], "ACCEPT") == 0;
	enum ho_hook hook;

	if (count != 2 || !hook_parse(words[0], &hook) || (!accept && strcmp(words[1], "DROP") != 0))
		return answer_wrong(out, EXIT_USAGE,
		                    "rule policy takes INPUT, OUTPUT or FORWARD, and then ACCEPT or DROP");
	ho_rule_policy_set(a->stack, hook, accept ? HO_RULE_ACCEPT : HO_RULE_DROP);
	return EXIT_FINE;
}

int answer_rule(struct asked *a, int count, char **words, FILE *out)
{
	static const struct {
		const char *word;
		int (*verb)(struct asked *a, int count, char **words, FILE *out);
	} verbs[] = {{"list", rule_list},   {"add", rule_add},   {"insert", rule_insert}, {"delete", rule_delete},
	             {"flush", rule_flush}, {"zero", rule_zero}, {"policy", rule_policy}};

	if (count == 1)
		return rule_list(a, 0, words, out);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(words[1], verbs[i].word) == 0)
			return verbs[i].verb(a, count - 2, words + 2, out);
	if (words[1][0] == '-')
		return rule_list(a, count - 1, words + 1, out);
	return answer_wrong(out, EXIT_USAGE,
	                    "rule '%.40s': there are list, add, insert, delete, flush, zero and policy", words[1]);
}
