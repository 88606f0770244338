/* SPDX-License-Identifier: MIT
 * libmicrohttpd, loaded by who serves with it: it brings nine libraries, and every command would wait for them. */
#ifndef HO_MHD_H
#define HO_MHD_H

#include <microhttpd.h>

#define MHD_CALLS(X) \
	X(start_daemon) X(stop_daemon) X(run) X(get_timeout) X(get_daemon_info) X(get_connection_info) X(lookup_connection_value) \
	X(create_response_from_buffer) X(add_response_header) X(queue_response) X(destroy_response)

struct mhd {
	void *library; /* NULL: not loaded */
#define X(name) __typeof__(&MHD_##name) name;
	MHD_CALLS(X)
#undef X
};

int mhd_load(struct mhd *m); /* 0; -ELIBACC: it is not installed */
void mhd_unload(struct mhd *m);

#endif
