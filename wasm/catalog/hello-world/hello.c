/* The greeting of the hello-world image: no libc, two system calls of i386 Linux. */

static const char greeting[] =
    "\n"
    "Hello from Drydock!\n"
    "This message shows that your container engine appears to be working correctly.\n"
    "\n"
    "To generate this message, Drydock took the following steps:\n"
    " 1. The docker client contacted the Drydock engine, which answers the Docker\n"
    "    Engine API.\n"
    " 2. The engine pulled the \"hello-world\" image from its catalog. (386)\n"
    " 3. The engine created a new container from that image in its emulated Linux,\n"
    "    which runs the executable that produces the output you are currently\n"
    "    reading.\n"
    " 4. The engine streamed that output to the docker client, which sent it to\n"
    "    your terminal.\n"
    "\n"
    "To try something more ambitious, you can run a Debian container with:\n"
    " $ docker run -it debian:12-slim bash\n"
    "\n";

static int system_call(int number, int a, const void *b, unsigned int c)
{
    int result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "memory");
    return result;
}

_Noreturn void _start(void);

_Noreturn void _start(void)
{
    enum { SYS_EXIT = 1, SYS_WRITE = 4, EINTR = 4 };
    unsigned int done = 0;
    int status = 0;

    while (done < sizeof(greeting) - 1) {
        int written = system_call(SYS_WRITE, 1, greeting + done, sizeof(greeting) - 1 - done);

        if (written == -EINTR)
            continue;
        if (written < 0) {
            status = 1;
            break;
        }
        done += (unsigned int)written;
    }
    for (;;)
        system_call(SYS_EXIT, status, 0, 0);
}
