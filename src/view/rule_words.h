/* SPDX-License-Identifier: MIT
 * The words of packet rules that are read and written. */
#ifndef HO_RULE_WORDS_H
#define HO_RULE_WORDS_H

#include <halfopen/view.h>

extern const char *const hook_names[HO_HOOKS];         /* "INPUT" */
extern const char *const action_names[3];              /* by enum ho_rule_action: "DROP" */
extern const char *const reject_names[HO_REJECTS];     /* "icmp-port-unreachable" */
extern const char *const tcp_flag_names[6];            /* bit 0 is FIN */

#endif
