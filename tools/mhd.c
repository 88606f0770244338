/* SPDX-License-Identifier: MIT */
#include "mhd.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define X(name) {"MHD_" #name, offsetof(struct mhd, name)},
	MHD_CALLS(X)
#undef X
};

int mhd_load(struct mhd *m)
{
	*m = (struct mhd){.library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL)};
	if (m->library == NULL)
		return -ELIBACC;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		void *call = dlsym(m->library, calls[i].name);

		if (call == NULL) {
			mhd_unload(m);
			return -ELIBACC;
		}
		memcpy((char *)m + calls[i].at, &call, sizeof(call));
	}
	return 0;
}

void mhd_unload(struct mhd *m)
{
	if (m->library != NULL)
		dlclose(m->library);
	m->library = NULL;
}
