/* SPDX-License-Identifier: MIT
 * Hints that keep the way of an ordinary packet together in the instruction cache: what is unlikely moves out of its
 * function, away from what always runs. */
#ifndef HO_LIKELY_H
#define HO_LIKELY_H

#if (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 9) || (defined(__clang__) && __clang_major__ >= 11)
#define likely(x) __builtin_expect_with_probability(!!(x), 1, 1.0)
#define unlikely(x) __builtin_expect_with_probability(!!(x), 0, 1.0)
#else
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Which way is laid out straight on; the other stays beside it.  For what traffic decides: both ways are ordinary. */
#ifdef __GNUC__
#define mostly(x) __builtin_expect(!!(x), 1)
#define rarely(x) __builtin_expect(!!(x), 0)
#else
#define mostly(x) (x)
#define rarely(x) (x)
#endif

#define hot_path __attribute__((__hot__))   /* runs for each packet of an established connection */
#define cold_path __attribute__((__cold__)) /* called from there, rarely */
#define own_way __attribute__((__noinline__)) /* as ordinary, for others: not within what runs for them all */

#endif
