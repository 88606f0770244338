/* SPDX-License-Identifier: MIT
 * lab: the network of an experiment: hosts, the wires between their links, and the routes that follow. */
#include <string.h>

#include "inside.h"

#define NET_MTU 1500
#define FAR (LAB_HOSTS_MAX + 1)

void lab_net_default(struct lab_net *n)
{
	memset(n, 0, sizeof *n);
	lab_net_host_add(n, "A");
	lab_net_host_add(n, "B");
	lab_net_wire_add(n, 0, 1, HO_ADDR(198, 18, 0, 0), 24, NET_MTU);
}

int lab_net_host_add(struct lab_net *n, const char *name)
{
	for (int i = 0; i < n->host_count; i++)
		if (strcmp(n->host[i].name, name) == 0)
			return -1;
	if (n->host_count == LAB_HOSTS_MAX)
		return -1;
	snprintf(n->host[n->host_count].name, LAB_NAME_MAX, "%s", name);
	return n->host_count++;
}

static void end_add(struct lab_net *n, int end, int host, uint32_t addr)
{
	n->end[end] = (struct lab_end){.host = host, .addr = addr};
	if (host < 0)
		return;
	n->end[end].link = n->host[host].link_count;
	n->host[host].end[n->host[host].link_count++] = end;
}

int lab_net_wire_add(struct lab_net *n, int a, int b, uint32_t net, int prefix_len, uint32_t mtu)
{
	int w = n->wire_count;

	if (w == LAB_WIRES_MAX || n->host[a].link_count == LAB_LINKS_MAX || (b >= 0 && n->host[b].link_count == LAB_LINKS_MAX))
		return -1;
	n->wire[w].net = net;
	n->wire[w].prefix_len = prefix_len;
	n->wire[w].mtu = mtu;
	end_add(n, 2 * w, a, net + 1);
	end_add(n, 2 * w + 1, b, net + 2);
	return n->wire_count++;
}

int lab_net_end(const struct lab_net *n, int host, int link)
{
	if (host < 0 || host >= n->host_count || link < 0 || link >= n->host[host].link_count)
		return -1;
	return n->host[host].end[link];
}

const char *lab_net_name(const struct lab_net *n, int end)
{
	int host = n->end[end].host;

	return host < 0 ? "-" : n->host[host].name;
}

/* ---- routes ---- */

/* Who forwards at the other end of a link?  Gives  its host number, or -1. */
static int gateway_at(const struct lab_net *n, int host, int link)
{
	int peer = n->end[n->host[host].end[link] ^ 1].host;

	return peer >= 0 && n->host[peer].forwards ? peer : -1;
}

/* How many hosts that forward lie between each host and a wire; FAR: it cannot be reached. */
static void distances(const struct lab_net *n, int wire, int far[LAB_HOSTS_MAX])
{
	for (int h = 0; h < n->host_count; h++)
		far[h] = n->end[2 * wire].host == h || n->end[2 * wire + 1].host == h ? 0 : FAR;
	for (int round = 0; round < n->host_count; round++)
		for (int h = 0; h < n->host_count; h++)
			for (int l = 0; l < n->host[h].link_count; l++) {
				int via = gateway_at(n, h, l);

				if (via >= 0 && far[via] + 1 < far[h])
					far[h] = far[via] + 1;
			}
}

static uint32_t gateway_addr(const struct lab_net *n, int host, int link)
{
	return n->end[n->host[host].end[link] ^ 1].addr;
}

/* Gives  the address of the next host on the shortest way to a wire, 0 if there is none or it is here. */
static uint32_t gateway_to(const struct lab_net *n, int host, int wire)
{
	int far[LAB_HOSTS_MAX];

	distances(n, wire, far);
	for (int l = 0; far[host] > 0 && far[host] < FAR && l < n->host[host].link_count; l++) {
		int via = gateway_at(n, host, l);

		if (via >= 0 && far[via] + 1 == far[host])
			return gateway_addr(n, host, l);
	}
	return 0;
}

static int default_route(const struct lab_net *n, int host, struct ho_route *r)
{
	for (int l = 0; l < n->host[host].link_count; l++)
		if (gateway_at(n, host, l) >= 0) {
			*r = (struct ho_route){.link = -1, .gateway = gateway_addr(n, host, l)};
			return 1;
		}
	return 0;
}

int lab_net_routes(const struct lab_net *n, int host, struct ho_route r[LAB_ROUTES_MAX])
{
	int count = 0;

	if (!n->host[host].forwards)
		return default_route(n, host, r);
	for (int w = 0; w < n->wire_count; w++) {
		uint32_t via = gateway_to(n, host, w);

		if (via)
			r[count++] = (struct ho_route){.dst = n->wire[w].net,
			                               .prefix_len = (uint8_t)n->wire[w].prefix_len,
			                               .link = -1,
			                               .gateway = via};
	}
	return count;
}
