/* Log lines go to the kernel's ring, so that they come with `kernel-log` and keep their order with the kernel's own. */
#ifndef LOG_H
#define LOG_H

void log_open(void);
/* In a child that has closed what it inherited. */
void log_reopen(void);
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/* A line on the console, which the host reads while the guest boots. */
__attribute__((format(printf, 1, 2))) void log_console(const char *format, ...);

#endif
