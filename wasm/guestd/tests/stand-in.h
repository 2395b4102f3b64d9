/* What guestd's event loop needs of the guest, for tests on the build host: processes without containers, and none of the
 * operations that would change the machine that builds. All else is guestd's own code. */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <stdbool.h>

/* Start the program, or only a process that exits at once. */
extern bool stand_in_executes;

/* Loop, signals and unix sockets, as guestd's main has them. */
void stand_in_open(void);

#endif
