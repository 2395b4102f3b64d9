#define _GNU_SOURCE
#include "net-link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net-netlink.h"

int address_parse(const char *text, struct address *address) {
    char host[INET6_ADDRSTRLEN];
    const size_t length = strcspn(text, "/");
    if (length >= sizeof host)
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    *address = (struct address){.family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET};
    if (inet_pton(address->family, host, address->bytes) != 1)
        return -EINVAL;
    const size_t most = address_size(address) * 8;
    char *end = NULL;
    const unsigned long prefix = text[length] == '\0' ? most : strtoul(text + length + 1, &end, 10);
    if (prefix > most || (end != NULL && *end != '\0'))
        return -EINVAL;
    address->prefix = (uint8_t)prefix;
    return 0;
}

size_t address_size(const struct address *address) { return address->family == AF_INET6 ? 16 : 4; }

int mac_parse(const char *text, uint8_t mac[MAC_SIZE]) {
    unsigned parts[MAC_SIZE];
    char rest;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4], &parts[5],
               &rest) != MAC_SIZE)
        return -EINVAL;
    for (size_t i = 0; i < MAC_SIZE; i++)
        mac[i] = (uint8_t)parts[i];
    return 0;
}

int link_index(int fd, const char *name) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

static void begin_link(uint16_t type, uint16_t flags, int index, unsigned set, unsigned change) {
    const struct ifinfomsg header = {
        .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = set, .ifi_change = change};
    netlink_begin(type, NLM_F_ACK | flags, &header, sizeof header);
}

int link_add_bridge(int fd, const char *name, const uint8_t mac[MAC_SIZE], unsigned mtu) {
    begin_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0);
    netlink_put_text(IFLA_IFNAME, name);
    netlink_put(IFLA_ADDRESS, mac, MAC_SIZE);
    netlink_put_u32(IFLA_MTU, mtu);
    const size_t information = netlink_nest(IFLA_LINKINFO);
    netlink_put_text(IFLA_INFO_KIND, "bridge");
    const size_t data = netlink_nest(IFLA_INFO_DATA);
    /* No router asks for group members here: without its queries snooping costs time alone. */
    const uint8_t no = 0;
    netlink_put(IFLA_BR_MCAST_SNOOPING, &no, sizeof no);
    netlink_end(data);
    netlink_end(information);
    return netlink_send(fd);
}

int link_add_dummy(int fd, const char *name) {
    begin_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP);
    netlink_put_text(IFLA_IFNAME, name);
    const size_t information = netlink_nest(IFLA_LINKINFO);
    netlink_put_text(IFLA_INFO_KIND, "dummy");
    netlink_end(information);
    return netlink_send(fd);
}

int link_add_pair(int fd, const char *name, const char *peer, int namespace, unsigned mtu) {
    const struct ifinfomsg other = {.ifi_family = AF_UNSPEC};
    begin_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0);
    netlink_put_text(IFLA_IFNAME, name);
    netlink_put_u32(IFLA_MTU, mtu);
    const size_t information = netlink_nest(IFLA_LINKINFO);
    netlink_put_text(IFLA_INFO_KIND, "veth");
    const size_t data = netlink_nest(IFLA_INFO_DATA);
    const size_t end = netlink_nest(VETH_INFO_PEER);
    netlink_append(&other, sizeof other);
    netlink_put_text(IFLA_IFNAME, peer);
    netlink_put_u32(IFLA_MTU, mtu);
    netlink_put_u32(IFLA_NET_NS_FD, (uint32_t)namespace);
    netlink_end(end);
    netlink_end(data);
    netlink_end(information);
    return netlink_send(fd);
}

int link_delete(int fd, int index) {
    begin_link(RTM_DELLINK, 0, index, 0, 0);
    return netlink_send(fd);
}

int link_stop(int fd, int index) {
    begin_link(RTM_NEWLINK, 0, index, 0, IFF_UP);
    netlink_put_u32(IFLA_MASTER, 0);
    return netlink_send(fd);
}

int link_join(int fd, int index, int bridge, bool isolated, unsigned mtu) {
    begin_link(RTM_NEWLINK, 0, index, IFF_UP, IFF_UP);
    netlink_put_u32(IFLA_MTU, mtu);
    netlink_put_u32(IFLA_MASTER, (uint32_t)bridge);
    if (isolated) {
        const struct ifinfomsg header = {.ifi_family = AF_BRIDGE, .ifi_index = index};
        const uint8_t yes = 1;
        netlink_begin(RTM_SETLINK, NLM_F_ACK, &header, sizeof header);
        const size_t port = netlink_nest(IFLA_PROTINFO);
        netlink_put(IFLA_BRPORT_ISOLATED, &yes, sizeof yes);
        netlink_end(port);
    }
    return netlink_send(fd);
}

int link_up(int fd, int index) {
    begin_link(RTM_NEWLINK, 0, index, IFF_UP, IFF_UP);
    return netlink_send(fd);
}

int link_set_up(int fd, int index, const char *name, const uint8_t mac[MAC_SIZE], unsigned mtu) {
    begin_link(RTM_NEWLINK, 0, index, IFF_UP, IFF_UP);
    if (name != NULL)
        netlink_put_text(IFLA_IFNAME, name);
    netlink_put(IFLA_ADDRESS, mac, MAC_SIZE);
    netlink_put_u32(IFLA_MTU, mtu);
    return netlink_send(fd);
}

int address_add(int fd, int index, const struct address *address) {
    const size_t size = address_size(address);
    struct ifaddrmsg header = {.ifa_family = (uint8_t)address->family,
                               .ifa_prefixlen = address->prefix,
                               .ifa_index = (uint32_t)index};
    /* Addresses are the engine's to give: nobody else has it, and looking for that takes a second. */
    if (address->family == AF_INET6)
        header.ifa_flags = IFA_F_NODAD;
    netlink_begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
    netlink_put(IFA_LOCAL, address->bytes, size);
    netlink_put(IFA_ADDRESS, address->bytes, size);
    if (address->family == AF_INET && address->prefix < 31) {
        uint8_t broadcast[4];
        memcpy(broadcast, address->bytes, 4);
        for (unsigned bit = address->prefix; bit < 32; bit++)
            broadcast[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        netlink_put(IFA_BROADCAST, broadcast, 4);
    }
    return netlink_send(fd);
}

int route_set_default(int fd, int family, const struct address *gateway) {
    const struct rtmsg header = {.rtm_family = (uint8_t)family,
                                 .rtm_table = RT_TABLE_MAIN,
                                 .rtm_protocol = gateway == NULL ? RTPROT_UNSPEC : RTPROT_BOOT,
                                 .rtm_scope = gateway == NULL ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
                                 .rtm_type = gateway == NULL ? RTN_UNSPEC : RTN_UNICAST};
    if (gateway == NULL) {
        netlink_begin(RTM_DELROUTE, NLM_F_ACK, &header, sizeof header);
    } else {
        netlink_begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
        netlink_put(RTA_GATEWAY, gateway->bytes, address_size(gateway));
    }
    const int error = netlink_send(fd);
    return gateway == NULL && (error == -ESRCH || error == -ENOENT || error == -EAFNOSUPPORT) ? 0 : error;
}

int route_set_default_link(int fd, int family, int index) {
    const struct rtmsg header = {.rtm_family = (uint8_t)family,
                                 .rtm_table = RT_TABLE_MAIN,
                                 .rtm_protocol = RTPROT_BOOT,
                                 .rtm_scope = RT_SCOPE_LINK,
                                 .rtm_type = RTN_UNICAST};
    netlink_begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
    netlink_put_u32(RTA_OIF, (uint32_t)index);
    return netlink_send(fd);
}

struct reading {
    struct link_statistics *statistics;
    size_t count, most;
};

static void read_link(const void *payload, size_t length, void *context) {
    struct reading *reading = context;
    const struct ifinfomsg *header = payload;
    if (length < sizeof *header || (header->ifi_flags & IFF_LOOPBACK) != 0 || reading->count == reading->most)
        return;
    struct link_statistics *found = &reading->statistics[reading->count];
    size_t left = length - NLMSG_ALIGN(sizeof *header);
    bool counted = false;
    for (const struct rtattr *attribute = IFLA_RTA(header); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == IFLA_IFNAME)
            snprintf(found->name, sizeof found->name, "%s", (const char *)RTA_DATA(attribute));
        if (attribute->rta_type == IFLA_STATS64 && RTA_PAYLOAD(attribute) >= 8 * sizeof(uint64_t)) {
            /* The first eight of struct rtnl_link_stats64; attributes are aligned to four bytes alone. */
            uint64_t counters[8];
            memcpy(counters, RTA_DATA(attribute), sizeof counters);
            found->rx_packets = counters[0];
            found->tx_packets = counters[1];
            found->rx_bytes = counters[2];
            found->tx_bytes = counters[3];
            found->rx_errors = counters[4];
            found->tx_errors = counters[5];
            found->rx_dropped = counters[6];
            found->tx_dropped = counters[7];
            counted = true;
        }
    }
    reading->count += counted;
}

int link_read_statistics(int fd, struct link_statistics *statistics, size_t most) {
    struct reading reading = {.statistics = statistics, .most = most};
    const struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    netlink_begin(RTM_GETLINK, NLM_F_DUMP, &header, sizeof header);
    const int error = netlink_dump(fd, read_link, &reading);
    return error < 0 ? error : (int)reading.count;
}
