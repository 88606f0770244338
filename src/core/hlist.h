/* SPDX-License-Identifier: MIT
 * Doubly linked lists of sockets whose links are handles: half the size of pointers.  A place is a handle and one; 0: none.
 * All zero is a list without members. */
#ifndef HO_HLIST_H
#define HO_HLIST_H

#include <stdint.h>

struct hlink {
	uint32_t next, prev;
};

struct hlist {
	uint32_t first, last;
};

#endif
