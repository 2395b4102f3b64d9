/* The programs that share guestd's file: one download and one copy in memory instead of three. The name that it is
 * started by tells which one it is. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

/* PID 1 of a container with --init. */
int docker_init(int count, char *arguments[]);
/* The `docker` command of the host root. */
int docker_stub(int count, char *arguments[], char *environment[]);

#endif
