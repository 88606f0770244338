/* SPDX-License-Identifier: MIT
 * What the header Accept of a scrape asks for. */
#ifndef HO_HTTP_ACCEPT_H
#define HO_HTTP_ACCEPT_H

#include <stdbool.h>

/* Gives  true if application/openmetrics-text (of version 1.0.0 or of none in particular) is named and liked at least as well as
 *        text/plain of version 0.0.4; what cannot be understood is as if it were not there.
 * Takes  accept: NULL if there is no such header.
 * Source RFC 9110 sections 12.4.2, 12.5.1. */
bool http_accept_openmetrics(const char *accept);

#endif
