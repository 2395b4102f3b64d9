#include "net-egress-rules.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net-bridges.h"
#include "net-rules.h"

static void put_answers(const char *chain, int family) {
    const bool six = family == AF_INET6;
    /* ICMP: network, host, prohibited. ICMPv6: no route, address, prohibited. */
    const struct {
        uint32_t mark;
        uint8_t code;
    } answers[] = {{MARK_NETWORK, 0}, {MARK_HOST, six ? 3 : 1}, {MARK_PROHIBITED, six ? 1 : 13}};
    rule_begin(chain);
    match_mark(MARK_RESET);
    match_protocol(IPPROTO_TCP);
    do_reset();
    rule_end();
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        rule_begin(chain);
        match_mark(answers[i].mark);
        do_unreachable(answers[i].code);
        rule_end();
    }
}

/* Nothing but TCP leaves, and that is told. */
static void put_refusal(const char *chain, int family, uint8_t protocol) {
    rule_begin(chain);
    match_output(EGRESS_LINK, true);
    match_protocol(protocol);
    do_unreachable(family == AF_INET6 ? 1 : 13);
    rule_end();
}

void egress_put_rules(int family) {
    const uint8_t refused[] = {IPPROTO_UDP, family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP};
    chain_hook("egress-hold", "filter", NF_INET_PRE_ROUTING, -150);
    for (const struct network *network = network_first(); network != NULL; network = network->next)
        if (network->internal) {
            rule_begin("egress-hold");
            match_input(network->bridge, true);
            do_verdict(NF_ACCEPT, NULL);
            rule_end();
        }
    rule_begin("egress-hold");
    match_first();
    match_way(EGRESS_LINK);
    do_queue(EGRESS_QUEUE);
    rule_end();
    chain_hook("egress-hold-own", "filter", NF_INET_LOCAL_OUT, -150);
    rule_begin("egress-hold-own");
    match_output(EGRESS_LINK, true);
    match_first();
    do_queue(EGRESS_QUEUE);
    rule_end();
    chain_hook("egress-answer", "filter", NF_INET_PRE_ROUTING, -140);
    put_answers("egress-answer", family);
    chain_hook("egress-answer-own", "filter", NF_INET_LOCAL_OUT, -140);
    put_answers("egress-answer-own", family);
    for (size_t i = 0; i < sizeof refused; i++)
        put_refusal("egress-answer-own", family, refused[i]);
    chain_hook("egress-end", "filter", NF_INET_FORWARD, 10);
    rule_begin("egress-end");
    match_output(EGRESS_LINK, true);
    do_unreachable(family == AF_INET6 ? 1 : 13);
    rule_end();
    chain_hook("egress-input", "filter", NF_INET_LOCAL_IN, 0);
    rule_begin("egress-input");
    match_protocol(IPPROTO_TCP);
    match_port(EGRESS_PORT);
    match_untranslated();
    do_reset();
    rule_end();
}

void egress_put_redirect(const char *chain) {
    rule_begin(chain);
    match_mark(MARK_GO);
    match_protocol(IPPROTO_TCP);
    do_redirect(EGRESS_PORT);
    rule_end();
}

void egress_put_keep(const char *chain) {
    rule_begin(chain);
    match_mark(MARK_GO);
    do_verdict(NF_ACCEPT, NULL);
    rule_end();
}
