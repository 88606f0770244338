/* SPDX-License-Identifier: MIT
 * The clock and entropy of Linux. */
#include <halfopen/port.h>

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static ho_time_ns clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts); /* cannot fail for these two clocks */
	return (ho_time_ns)ts.tv_sec * HO_SEC + (ho_time_ns)ts.tv_nsec;
}

ho_time_ns ho_clock_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

ho_time_ns ho_clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

int ho_entropy(void *buf, size_t len_bytes)
{
	uint8_t *at = buf;

	while (len_bytes > 0) {
		ssize_t n = getrandom(at, len_bytes, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len_bytes -= (size_t)n;
	}
	return 0;
}
