/* Network namespaces that wait for a container, each with a link from outside, its other end down. */
#ifndef NET_POOL_H
#define NET_POOL_H

struct net_namespace {
    int fd;      /* of the namespace */
    int links;   /* a NETLINK_ROUTE socket in it */
    int outside; /* index of the link's end in guestd's namespace; 0: none */
    int inside;  /* of its other end */
};

/* Make one more, if there are not enough. 1 when it did, 0, or -errno. */
int net_pool_fill(void);
/* Out of the pool, or made now. 0 or -errno. */
int net_pool_take(struct net_namespace *namespace);
void net_namespace_close(struct net_namespace *namespace);
/* A further link into it; the inside's name is `peer`. */
int net_namespace_link(const struct net_namespace *namespace, const char *peer, int *outside, int *inside);
unsigned net_pool_count(void);

#endif
