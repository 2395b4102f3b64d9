/* Building nf_tables rules. A batch: rules_begin, tables with chains and rules, rules_send. */
#ifndef NET_RULES_H
#define NET_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct address;

void rules_begin(void);
/* A NETLINK_NETFILTER socket takes the batch. */
int rules_send(int fd);

/* An empty table in place of the one of that name, which may be there. Chains and rules that follow are in it. */
void table_replace(int family, const char *name);
/* A base chain: type `filter` or `nat`; accepts what no rule takes. */
void chain_hook(const char *name, const char *type, uint32_t hook, int32_t priority);
/* A chain that is jumped to. */
void chain_add(const char *name);

void rule_begin(const char *chain);
void rule_end(void);
/* Matches: all of a rule must hold. */
void match_input(const char *link, bool equal);
void match_output(const char *link, bool equal);
void match_source(const struct address *subnet);
void match_destination(const struct address *subnet);
/* The way to the destination is by this link. */
void match_way(const char *link);
/* The first packet of a TCP connection. */
void match_first(void);
/* The mark that a packet has. */
void match_mark(uint32_t mark);
/* The destination is an address of this machine. */
void match_local(void);
void match_protocol(uint8_t protocol);
void match_port(uint16_t port);
/* Connections known already. */
void match_established(void);
/* Connections whose destination was translated. */
void match_translated(void);
/* All others. */
void match_untranslated(void);
/* What to do. */
void do_verdict(int32_t code, const char *chain);
void do_masquerade(void);
/* Hold packets in a queue; without a reader they are lost. */
void do_queue(uint16_t number);
/* Answer a TCP packet with a reset. */
void do_reset(void);
/* Answer that the destination can't be reached, with a code of ICMP's, or of ICMPv6's in an IPv6 table. */
void do_unreachable(uint8_t code);
/* To this port of the machine itself. */
void do_redirect(uint16_t port);
/* To this address, and this port unless it is 0. */
void do_translate(const struct address *address, uint16_t port);

#endif
