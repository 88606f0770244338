/* SPDX-License-Identifier: MIT
 * What `halfopen why` is asked about: a listener, a counter. */
#ifndef HO_ABOUT_H
#define HO_ABOUT_H

#include <halfopen/view.h>

/* Takes  "80", ":80", "*:80", "198.18.0.2:80", or a counter's name as `explain` takes it.  Begin with counter -1, port 0.
 * Gives  false if it is neither, or the second one of its kind. */
bool about_parse(const char *word, struct ho_view_about *about);

#endif
