#define _GNU_SOURCE
#include "net-rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "net-link.h"
#include "net-netlink.h"

/* <linux/netfilter/nf_conntrack_common.h> */
#define STATE_ESTABLISHED (1u << 1)
#define STATE_RELATED (1u << 2)
#define STATUS_DNAT (1u << 5)
/* <net/netfilter/nft_fib.h> and <linux/rtnetlink.h> */
#define FIB_LOCAL 2u
/* <netinet/tcp.h> has them as bits of a word. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

static uint8_t protocol_family;
static const char *table;
static size_t expressions, element, data;

static uint8_t nfproto(int family) { return family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4; }

static void begin(uint16_t type, uint16_t flags) {
    const struct nfgenmsg header = {.nfgen_family = protocol_family, .version = NFNETLINK_V0};
    netlink_begin((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof header);
}

static void begin_or_end(uint16_t type) {
    const struct nfgenmsg header = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(type, 0, &header, sizeof header);
}

void rules_begin(void) { begin_or_end(NFNL_MSG_BATCH_BEGIN); }

int rules_send(int fd) {
    begin_or_end(NFNL_MSG_BATCH_END);
    return netlink_send(fd);
}

void table_replace(int family, const char *name) {
    static const uint16_t steps[] = {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE};
    protocol_family = nfproto(family);
    table = name;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        begin(steps[i], steps[i] == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
        netlink_put_text(NFTA_TABLE_NAME, name);
    }
}

void chain_add(const char *name) {
    begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_text(NFTA_CHAIN_TABLE, table);
    netlink_put_text(NFTA_CHAIN_NAME, name);
}

void chain_hook(const char *name, const char *type, uint32_t hook, int32_t priority) {
    chain_add(name);
    const size_t nest = netlink_nest(NFTA_CHAIN_HOOK);
    netlink_put_be32(NFTA_HOOK_HOOKNUM, hook);
    netlink_put_be32(NFTA_HOOK_PRIORITY, (uint32_t)priority);
    netlink_end(nest);
    netlink_put_text(NFTA_CHAIN_TYPE, type);
    netlink_put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
}

void rule_begin(const char *chain) {
    begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_text(NFTA_RULE_TABLE, table);
    netlink_put_text(NFTA_RULE_CHAIN, chain);
    expressions = netlink_nest(NFTA_RULE_EXPRESSIONS);
}

void rule_end(void) { netlink_end(expressions); }

static void expression(const char *name) {
    element = netlink_nest(NFTA_LIST_ELEM);
    netlink_put_text(NFTA_EXPR_NAME, name);
    data = netlink_nest(NFTA_EXPR_DATA);
}

static void expression_end(void) {
    netlink_end(data);
    netlink_end(element);
}

static void put_value(uint16_t attribute, const void *value, size_t size) {
    const size_t nest = netlink_nest(attribute);
    netlink_put(NFTA_DATA_VALUE, value, size);
    netlink_end(nest);
}

static void compare(const void *value, size_t size, bool equal) {
    expression("cmp");
    netlink_put_be32(NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    put_value(NFTA_CMP_DATA, value, size);
    expression_end();
}

static void mask(const void *bits, size_t size) {
    const uint8_t nothing[16] = {0};
    expression("bitwise");
    netlink_put_be32(NFTA_BITWISE_SREG, NFT_REG_1);
    netlink_put_be32(NFTA_BITWISE_DREG, NFT_REG_1);
    netlink_put_be32(NFTA_BITWISE_LEN, (uint32_t)size);
    put_value(NFTA_BITWISE_MASK, bits, size);
    put_value(NFTA_BITWISE_XOR, nothing, size);
    expression_end();
}

static void load_meta(uint32_t key) {
    expression("meta");
    netlink_put_be32(NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(NFTA_META_KEY, key);
    expression_end();
}

static void load_payload(uint32_t base, uint32_t offset, size_t size) {
    expression("payload");
    netlink_put_be32(NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(NFTA_PAYLOAD_LEN, (uint32_t)size);
    expression_end();
}

static void match_link(uint32_t key, const char *link, bool equal) {
    char name[IFNAMSIZ] = {0};
    strncpy(name, link, sizeof name - 1);
    load_meta(key);
    compare(name, sizeof name, equal);
}

void match_input(const char *link, bool equal) { match_link(NFT_META_IIFNAME, link, equal); }

void match_output(const char *link, bool equal) { match_link(NFT_META_OIFNAME, link, equal); }

static void match_address(const struct address *subnet, uint32_t offset) {
    const size_t size = address_size(subnet);
    uint8_t bits[16] = {0}, value[16];
    for (unsigned bit = 0; bit < subnet->prefix; bit++)
        bits[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    for (size_t i = 0; i < size; i++)
        value[i] = subnet->bytes[i] & bits[i];
    load_payload(NFT_PAYLOAD_NETWORK_HEADER, offset, size);
    if (subnet->prefix < size * 8)
        mask(bits, size);
    compare(value, size, true);
}

void match_source(const struct address *subnet) { match_address(subnet, subnet->family == AF_INET6 ? 8 : 12); }

void match_destination(const struct address *subnet) { match_address(subnet, subnet->family == AF_INET6 ? 24 : 16); }

void match_local(void) {
    const uint32_t local = FIB_LOCAL;
    expression("fib");
    netlink_put_be32(NFTA_FIB_DREG, NFT_REG_1);
    netlink_put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    netlink_put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    expression_end();
    compare(&local, sizeof local, true);
}

void match_protocol(uint8_t protocol) {
    load_meta(NFT_META_L4PROTO);
    compare(&protocol, sizeof protocol, true);
}

void match_port(uint16_t port) {
    const uint16_t value = htons(port);
    load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof value);
    compare(&value, sizeof value, true);
}

void match_way(const char *link) {
    char name[IFNAMSIZ] = {0};
    strncpy(name, link, sizeof name - 1);
    expression("fib");
    netlink_put_be32(NFTA_FIB_DREG, NFT_REG_1);
    netlink_put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_OIFNAME);
    netlink_put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    expression_end();
    compare(name, sizeof name, true);
}

void match_first(void) {
    static const uint8_t flags = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK, first = TCP_SYN;
    match_protocol(IPPROTO_TCP);
    load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 13, sizeof flags);
    mask(&flags, sizeof flags);
    compare(&first, sizeof first, true);
}

void match_mark(uint32_t mark) {
    load_meta(NFT_META_MARK);
    compare(&mark, sizeof mark, true);
}

static void match_ct(uint32_t key, uint32_t bits, bool set) {
    const uint32_t nothing = 0;
    expression("ct");
    netlink_put_be32(NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(NFTA_CT_KEY, key);
    expression_end();
    mask(&bits, sizeof bits);
    compare(&nothing, sizeof nothing, !set);
}

void match_established(void) { match_ct(NFT_CT_STATE, STATE_ESTABLISHED | STATE_RELATED, true); }

void match_translated(void) { match_ct(NFT_CT_STATUS, STATUS_DNAT, true); }

void match_untranslated(void) { match_ct(NFT_CT_STATUS, STATUS_DNAT, false); }

void do_verdict(int32_t code, const char *chain) {
    expression("immediate");
    netlink_put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const size_t value = netlink_nest(NFTA_IMMEDIATE_DATA);
    const size_t verdict = netlink_nest(NFTA_DATA_VERDICT);
    netlink_put_be32(NFTA_VERDICT_CODE, (uint32_t)code);
    if (chain != NULL)
        netlink_put_text(NFTA_VERDICT_CHAIN, chain);
    netlink_end(verdict);
    netlink_end(value);
    expression_end();
}

void do_masquerade(void) {
    expression("masq");
    expression_end();
}

void do_queue(uint16_t number) {
    const uint16_t value = htons(number), count = htons(1);
    expression("queue");
    netlink_put(NFTA_QUEUE_NUM, &value, sizeof value);
    netlink_put(NFTA_QUEUE_TOTAL, &count, sizeof count);
    expression_end();
}

static void reject(uint32_t type, uint8_t code) {
    expression("reject");
    netlink_put_be32(NFTA_REJECT_TYPE, type);
    netlink_put(NFTA_REJECT_ICMP_CODE, &code, sizeof code);
    expression_end();
}

void do_reset(void) { reject(NFT_REJECT_TCP_RST, 0); }

void do_unreachable(uint8_t code) { reject(NFT_REJECT_ICMP_UNREACH, code); }

static void set_register(uint32_t number, const void *value, size_t size) {
    expression("immediate");
    netlink_put_be32(NFTA_IMMEDIATE_DREG, number);
    put_value(NFTA_IMMEDIATE_DATA, value, size);
    expression_end();
}

void do_translate(const struct address *address, uint16_t port) {
    const uint16_t value = htons(port);
    set_register(NFT_REG_1, address->bytes, address_size(address));
    if (port != 0)
        set_register(NFT_REG_2, &value, sizeof value);
    expression("nat");
    netlink_put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
    netlink_put_be32(NFTA_NAT_FAMILY, nfproto(address->family));
    netlink_put_be32(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    if (port != 0)
        netlink_put_be32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
    expression_end();
}

void do_redirect(uint16_t port) {
    const uint16_t value = htons(port);
    set_register(NFT_REG_1, &value, sizeof value);
    expression("redir");
    netlink_put_be32(NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
    expression_end();
}
