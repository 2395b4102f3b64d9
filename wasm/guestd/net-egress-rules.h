/* The rules of the way out, and what they and net-egress.c have in common. */
#ifndef NET_EGRESS_RULES_H
#define NET_EGRESS_RULES_H

/* Link of the default route; what is neither held nor answered is lost on it. */
#define EGRESS_LINK "egress0"
#define EGRESS_QUEUE 53
/* guestd listens there. Nobody reaches it but by redirection; a port that nobody publishes. */
#define EGRESS_PORT 65529

/* What a held packet goes on with. A container can't set marks of this namespace. */
enum mark {
    MARK_GO = 0xd0c00000,
    MARK_RESET,
    MARK_NETWORK,
    MARK_HOST,
    MARK_PROHIBITED,
};

/* In the table that is being made. */
void egress_put_rules(int family);
/* For the chains `prerouting` and `output` of type nat, and `postrouting`. */
void egress_put_redirect(const char *chain);
void egress_put_keep(const char *chain);

#endif
