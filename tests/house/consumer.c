/* SPDX-License-Identifier: MIT
 * A stranger's program: what the README says an embedder writes, built by pkg-config alone. */
#include <stdio.h>

#include <halfopen/halfopen.h>

int main(void)
{
	struct ho_stack_config c;
	struct ho_stack *s;
	int fd;

	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 1);
	c.prefix_len = 24;
	if (ho_stack_open(&c, &s) != 0)
		return 1;
	fd = ho_sock_open(s, HO_SOCK_STREAM, HO_IPPROTO_TCP);
	if (ho_sock_bind(s, fd, (struct ho_endpoint){HO_ADDR_ANY, 80}) != 0 || ho_sock_listen(s, fd, 8) != 0)
		return 1;
	printf("halfopen %s, descriptor %d, %u counters, TcpExtListenOverflows %llu\n", ho_version(), fd,
	       (unsigned)HO_COUNTER_ROWS, (unsigned long long)ho_counter_get(s, HO_TcpExtListenOverflows));
	ho_stack_close(s);
	return 0;
}
