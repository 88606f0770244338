/* SPDX-License-Identifier: MIT
 * Under AddressSanitizer an object that is not taken is poisoned: without this, slabs hide every use after free. */
#ifndef HO_POISON_H
#define HO_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#elif defined(__has_feature)
#define POISONS __has_feature(address_sanitizer)
#else
#define POISONS 0
#endif

#if POISONS
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
#define POISON(at, bytes) ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

#endif
