/* SPDX-License-Identifier: MIT */
#ifndef HO_LIKELY_H
#define HO_LIKELY_H

#ifdef P100
#define likely(x) __builtin_expect_with_probability(!!(x), 1, 1.0)
#define unlikely(x) __builtin_expect_with_probability(!!(x), 0, 1.0)
#else
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#endif
