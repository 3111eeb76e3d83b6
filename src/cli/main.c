#include "cli/cli.h"

#include <fcntl.h>

/* A standard stream that the caller closed is taken by the next file that is opened, and results
 * would go into it. Each gets the wrong direction of /dev/null, so that using it is an error. */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) == -1)
            return;
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    return gt_cli_main(argc, argv);
}
