/* HAL_Firmware_Persistence_*: a downloaded firmware, kept in a file.
 *
 * The file is FIRMWARE_FILE of the environment, else /tmp/alinkota.bin, where upstream's port put
 * it. Blocks go to a file of that name with ".part" behind it, which takes the name when it is
 * complete: an abandoned download never looks like a firmware. One download at a time. */
#include "port.h"

#include "iot_import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FILE "/tmp/alinkota.bin"
#define PART ".part"

static char path[PATH_MAX];
static char part[PATH_MAX + sizeof(PART)];
static int fd = -1; /* of `part`; -1: nothing is being stored */

static int fail(const char *what);

/* Begins a new firmware, and forgets an abandoned one. A failure is told by the first Write. */
IOTPORT_REPLACEABLE void HAL_Firmware_Persistence_Start(void)
{
    if (fd >= 0) {
        close(fd);
    }
    iotport_copy_setting("FIRMWARE_FILE", DEFAULT_FILE, path, sizeof(path) - 1);
    snprintf(part, sizeof(part), "%s" PART, path);

    /* /tmp is everybody's: what lies there is removed, never followed or written into. */
    unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        fail("create");
    }
}

/* Appends one block. Returns 0, or -1 if it could not be stored: the download is then over. */
IOTPORT_REPLACEABLE int HAL_Firmware_Persistence_Write(char *buffer, uint32_t length)
{
    uint32_t done = 0;

    if (fd < 0 || (buffer == NULL && length > 0)) {
        return -1;
    }
    while (done < length) {
        ssize_t n = write(fd, buffer + done, length - done);

        if (n > 0) {
            done += (uint32_t)n;
        } else if (n == 0 || errno != EINTR) {
            return fail("write");
        }
    }
    return 0;
}

/* Ends the firmware and gives the file its name. Returns 0 once it is on the disk, -1 if it is
 * not, or if none was begun. */
IOTPORT_REPLACEABLE int HAL_Firmware_Persistence_Stop(void)
{
    int synced, closed;

    if (fd < 0) {
        return -1;
    }
    synced = fsync(fd);
    closed = close(fd);
    fd = -1;
    if (synced != 0 || closed != 0 || rename(part, path) != 0) {
        return fail("finish");
    }
    return 0;
}

/* Logs the reason and drops the partial file. Returns -1. */
static int fail(const char *what)
{
    HAL_Printf("HAL: cannot %s %s: %s\n", what, part, strerror(errno));
    if (fd >= 0) {
        close(fd);
        fd = -1;
    }
    unlink(part);
    return -1;
}
