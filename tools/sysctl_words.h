/* SPDX-License-Identifier: MIT
 * What is said of a sysctl that cannot be had or set. */
#ifndef HO_SYSCTL_WORDS_H
#define HO_SYSCTL_WORDS_H

#include <stddef.h>

/* Takes  value: NULL when it was only read; err: of ho_sysctl_get and ho_sysctl_set. */
void sysctl_refusal(const char *name, const char *value, int err, char *words, size_t words_bytes);

#endif
