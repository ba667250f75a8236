/* hal_selftest: calls the HAL_* functions of a port as the library does, and says what is wrong with them: what was
 * called, what came, what was wanted, and which part of docs/porting.md is about it. It runs on the board.
 *
 *   hal_selftest [HOST:PORT] [GROUP...] [slack=MS] [rounds=N]
 *
 *   HOST:PORT  where `iotkit-cloud selftest-peer` listens, for the groups tcp and udp
 *   GROUP      text memory time random mutex module tcp identity version udp, and, only when named, exhaust and
 *              setters; without a name all that are built, but these two
 *   slack      how late a call may return, in milliseconds (300)
 *   rounds     how often connections are opened and closed in a row (64)
 *
 * On a board without arguments, call hal_selftest(0, NULL), and define SELFTEST_NO_MAIN if the firmware has a main. What
 * the arguments say, SELFTEST_HOST ("192.168.1.10"), SELFTEST_PORT, SELFTEST_SLACK_MS and SELFTEST_ROUNDS say then.
 * While functions are missing, build without their groups: -DSELFTEST_GROUPS="SELFTEST_TEXT|SELFTEST_MEMORY".
 *
 * It needs one thread, 1 KB of static memory, 1 KB of stack, SELFTEST_BIG bytes of heap, and of the C library mem*, str*
 * and strtoul. HAL_Printf is used with %s, %d and %u alone, for pieces of about 130 characters at most.
 *
 * Exit status: 0 all of the chosen groups are right; 1 something is wrong; 2 nothing is, but a group could not be run. */
#include "iot_import.h"

#include <string.h>

/* The groups, in the order in which a port comes to life. */
#define SELFTEST_TEXT 0x001     /* HAL_Printf: without it nothing can be told, so it is always built */
#define SELFTEST_MEMORY 0x002   /* HAL_Malloc HAL_Free */
#define SELFTEST_TIME 0x004     /* HAL_UptimeMs HAL_SleepMs */
#define SELFTEST_RANDOM 0x008   /* HAL_Srandom HAL_Random */
#define SELFTEST_MUTEX 0x010    /* HAL_MutexCreate ...Destroy ...Lock ...Unlock */
#define SELFTEST_MODULE 0x020   /* HAL_GetPartnerID HAL_GetModuleID */
#define SELFTEST_TCP 0x040      /* HAL_TCP_*, and memory and time */
#define SELFTEST_IDENTITY 0x080 /* HAL_Get ProductKey, DeviceName, DeviceSecret, ProductSecret, DeviceID */
#define SELFTEST_VERSION 0x100  /* HAL_GetFirmwareVesion */
#define SELFTEST_UDP 0x200      /* HAL_UDP_*, and time */
#define SELFTEST_EXHAUST 0x400  /* takes all memory there is */
#define SELFTEST_SETTERS 0x800  /* HAL_Set*: writes made-up values, and then the old ones, to where they are kept */

#define SELFTEST_MQTT 0x07F /* what MQTT needs */
#define SELFTEST_ALL 0xFFF
#define ONLY_WHEN_NAMED (SELFTEST_EXHAUST | SELFTEST_SETTERS)

/* What is built. The setters are not: ports need none but HAL_SetDeviceSecret. */
#ifndef SELFTEST_GROUPS
#define SELFTEST_GROUPS (SELFTEST_ALL & ~SELFTEST_SETTERS)
#endif
#define BUILT ((SELFTEST_GROUPS) | SELFTEST_TEXT)

#ifndef SELFTEST_HOST
#define SELFTEST_HOST ""
#endif
#ifndef SELFTEST_PORT
#define SELFTEST_PORT 7007
#endif
#ifndef SELFTEST_SLACK_MS
#define SELFTEST_SLACK_MS 300
#endif
#ifndef SELFTEST_ROUNDS
#define SELFTEST_ROUNDS 64
#endif
#ifndef SELFTEST_BIG /* bytes of the largest block, a plain number; a TLS library takes more */
#define SELFTEST_BIG 4096
#endif

#define HOST_SIZE 64
#define EARLY_MS 20 /* two ticks of 10 ms: a timeout that is cut to ticks is no trouble */
#define TRIES 3     /* of what a busy machine may delay; a wrong unit is as wrong the third time */

/* Parts of docs/porting.md. */
#define SEE_READING "Reading when nothing has arrived"
#define SEE_MEMORY "Memory"
#define SEE_MUTEX "Mutexes"
#define SEE_TIME "Time"
#define SEE_RANDOM "Random numbers"
#define SEE_IDENTITY "Identity"
#define SEE_TCP "Connections"
#define SEE_UDP "Datagrams"

static const char *host;
static uint16_t port;
static uint32_t slack_ms, rounds;
static int clock_is_wrong; /* by the peer's: what it counts is not held against others */
static unsigned right, wrong, not_run, to_look_at; /* checks, except for `wrong`: findings */
static char buffer[512];

#if BUILT != SELFTEST_TEXT
static void explain(const char *why, const char *section)
{
    HAL_Printf("        %s\n", why);
    HAL_Printf("        see docs/porting.md, '%s'\n", section);
    wrong++;
}
#endif

/* WRONG(section, why, format, ...): what came and what was wanted, as a line for HAL_Printf. */
#define WRONG(section, why, ...) (HAL_Printf("  WRONG "), HAL_Printf(__VA_ARGS__), HAL_Printf("\n"), explain(why, section))
#define NOTE(...) (HAL_Printf("  note  "), HAL_Printf(__VA_ARGS__), HAL_Printf("\n"))
#define NOT_RUN(...) (HAL_Printf("  not run: "), HAL_Printf(__VA_ARGS__), HAL_Printf("\n"), not_run++)

#if BUILT & (SELFTEST_TIME | SELFTEST_TCP | SELFTEST_UDP)
#define TOLD_MAX 3

/* The time as the library sees it: 32 bits of it. Tells when it goes back, whatever is being tested. */
static uint32_t now(void)
{
    static int called, told;
    static uint32_t last;
    uint32_t time = (uint32_t)HAL_UptimeMs();

    if (called && time - last > UINT32_MAX / 2 && told < TOLD_MAX) {
        told++;
        WRONG(SEE_TIME, "It may wrap at 2^32 only. Does a tick counter wrap that is multiplied? Does somebody set it?",
              "HAL_UptimeMs went back by %u ms, from %u to %u", (unsigned)(last - time), (unsigned)last,
              (unsigned)time);
    }
    called = 1;
    last = time;
    return time;
}

/* Whether a call lasted as long as it should; `call` begins with the function's name. */
static int lasted(const char *call, uint32_t ms, uint32_t wanted, const char *why_early, const char *why_late,
                  const char *section)
{
    if (clock_is_wrong) {
        NOT_RUN("whether %s lasted as it should: HAL_UptimeMs is wrong", call);
    } else if (ms + EARLY_MS < wanted) {
        WRONG(section, why_early, "%s lasted %u ms, wanted %u", call, (unsigned)ms, (unsigned)wanted);
    } else if (ms > wanted + slack_ms) {
        WRONG(section, why_late, "%s lasted %u ms, wanted at most %u", call, (unsigned)ms,
              (unsigned)(wanted + slack_ms));
    } else {
        return 1;
    }
    return 0;
}
#endif

static void text_formats(void)
{
    HAL_Printf("  look  %s %d %u", "text", -7, 4000000000u);
    HAL_Printf(": it has to say text -7 4000000000\n");
    to_look_at++;
}

static void text_long_lines(void)
{
    unsigned i;

    for (i = 0; i < 126; i++) {
        buffer[i] = (char)('0' + i % 10);
    }
    buffer[126] = '\0';
    HAL_Printf("  look  the next line has to go from 0 to 5 and 0 to 5 again without a gap, and to end in END:\n");
    HAL_Printf("%s", buffer);
    HAL_Printf("%s", buffer);
    HAL_Printf("%s", "END\n");
    to_look_at++;
}

#if BUILT & SELFTEST_MEMORY
static void memory_aligned(void)
{
    uint32_t size;

    for (size = 1; size < 200; size += 7) {
        char *block = HAL_Malloc(size);
        unsigned beyond = (unsigned)((uintptr_t)block % 8);

        if (block == NULL) {
            WRONG(SEE_MEMORY, "Is the heap set up? Is it larger than this?", "HAL_Malloc(%u) returned NULL",
                  (unsigned)size);
            return;
        }
        memset(block, 0xA5, size);
        HAL_Free(block);
        if (beyond != 0) {
            WRONG(SEE_MEMORY, "Reads of 64-bit values trap on processors that mind.",
                  "HAL_Malloc(%u) returned an address that is %u above a multiple of 8, wanted 0 above",
                  (unsigned)size, beyond);
            return;
        }
    }
}

#define BLOCKS 16

static uint32_t block_size(unsigned i)
{
    return 8 + 12 * i;
}

static void memory_distinct(void)
{
    char *blocks[BLOCKS];
    unsigned i, at, taken, overlaps = 0;

    for (taken = 0; taken < BLOCKS; taken++) {
        blocks[taken] = HAL_Malloc(block_size(taken));
        if (blocks[taken] == NULL) {
            WRONG(SEE_MEMORY, "2 KB in small blocks have to be there.", "HAL_Malloc returned NULL for block %u of %u",
                  taken + 1, BLOCKS);
            break;
        }
        memset(blocks[taken], (int)taken, block_size(taken));
    }
    for (i = 0; i < taken; i++) {
        for (at = 0; at < block_size(i); at++) {
            if (blocks[i][at] != (char)i) {
                overlaps++;
                break;
            }
        }
    }
    if (overlaps > 0) {
        WRONG(SEE_MEMORY, "Does it return the same block twice? Does it count sizes in other units than bytes?",
              "HAL_Malloc returned blocks that overlap: %u of %u were changed through others, wanted 0", overlaps,
              taken);
        if (taken > 1 && blocks[0] == blocks[1]) {
            return; /* one block cannot be given back twice */
        }
    }
    for (i = 0; i < taken; i += 2) {
        HAL_Free(blocks[i]);
    }
    for (i = 1; i < taken; i += 2) {
        HAL_Free(blocks[i]);
    }
}

static void memory_big(void)
{
    unsigned char *block = HAL_Malloc(SELFTEST_BIG);

    if (block == NULL) {
        WRONG(SEE_MEMORY, "The library takes less at once, TLS takes more. Is the heap in pieces?",
              "HAL_Malloc(%u) returned NULL", (unsigned)SELFTEST_BIG);
        return;
    }
    memset(block, 0x5A, SELFTEST_BIG);
    HAL_Free(block);
}

static void memory_reuse(void)
{
    unsigned i;

    for (i = 0; i < 500; i++) {
        void *block = HAL_Malloc(1024);

        if (block == NULL) {
            WRONG(SEE_MEMORY, "Each block was given back. Does HAL_Free do nothing?",
                  "HAL_Free: 1024 bytes were taken and given back %u times, then HAL_Malloc returned NULL", i);
            return;
        }
        HAL_Free(block);
    }
}

static void memory_impossible(void)
{
#if UINTPTR_MAX > 0xFFFFFFFF
    NOT_RUN("2^32 - 16 bytes are possible on a 64-bit machine");
#else
    void *block = HAL_Malloc(0xFFFFFFF0u);

    if (block != NULL) {
        WRONG(SEE_MEMORY, "Does the size wrap when a header is added to it?",
              "HAL_Malloc(%u) returned a block, wanted NULL", 0xFFFFFFF0u);
        HAL_Free(block);
    }
#endif
}
#endif

#if BUILT & SELFTEST_EXHAUST
struct link {
    struct link *next;
    char rest[1024 - sizeof(void *)];
};

static void exhaust_memory(void)
{
    struct link *links = NULL, *link;
    unsigned taken = 0;

    while ((link = HAL_Malloc(sizeof(*link))) != NULL) {
        memset(link->rest, 0xA5, sizeof(link->rest));
        link->next = links;
        links = link;
        taken++;
    }
    NOTE("HAL_Malloc returned NULL after %u blocks of %u bytes", taken, (unsigned)sizeof(*link));
    while (links != NULL) {
        link = links;
        links = link->next;
        HAL_Free(link);
    }
    link = HAL_Malloc(sizeof(*link));
    if (link == NULL) {
        WRONG(SEE_MEMORY, "All blocks were given back.",
              "HAL_Malloc(%u) returned NULL after the heap was full and emptied",
              (unsigned)sizeof(*link));
        return;
    }
    HAL_Free(link);
}
#endif

#if BUILT & SELFTEST_TIME
static void time_steps(void)
{
    uint32_t start = now(), last = start, finest = UINT32_MAX;
    unsigned calls, steps = 0;

    for (calls = 0; steps < 10 && calls < 3000000; calls++) {
        uint32_t step = now() - last;

        if (step > 0) {
            last += step;
            calls = 0;
            /* The first is the rest of a step; of the others one is as long as steps are, whoever interrupts. */
            if (++steps > 1 && step < finest) {
                finest = step;
            }
        }
    }
    if (steps > 1 && finest > EARLY_MS) {
        WRONG(SEE_TIME, "Timeouts are cut to such steps.", "HAL_UptimeMs goes in steps of %u ms, wanted 10 or less",
              (unsigned)finest);
    } else if (steps == 0) {
        HAL_SleepMs(1100);
        if (now() == start) {
            WRONG(SEE_TIME, "Does the timer run that counts?",
                  "HAL_UptimeMs returned %u, and after HAL_SleepMs(1100) still", (unsigned)start);
        }
    }
}

static void time_sleep(void)
{
    const uint32_t wanted = 500;
    uint32_t took = 0;
    unsigned tries;

    for (tries = 0; tries < TRIES; tries++) {
        uint32_t start = now();

        HAL_SleepMs(wanted);
        took = now() - start;
        if (took <= wanted + slack_ms) {
            break;
        }
    }
    lasted("HAL_SleepMs(500) by HAL_UptimeMs", took, wanted,
           "One of them counts ticks, not ms; a HAL_SleepMs that felt like 0.5 s is right. Group tcp tells which.",
           "One of them counts ticks, not ms; a HAL_SleepMs that felt like 0.5 s is right. Group tcp tells which.",
           SEE_TIME);
}

static void time_short_sleeps(void)
{
    uint32_t took = UINT32_MAX;
    unsigned tries, i;

    /* What interrupts a sleep that is none makes it look like one, now and then. */
    for (tries = 0; tries < TRIES && took >= 50; tries++) {
        uint32_t start = now();

        for (i = 0; i < 10; i++) {
            HAL_SleepMs(10);
        }
        took = now() - start;
    }
    if (took < 50) {
        WRONG(SEE_TIME, "Is a time below one tick cut to none? Round up: the library waits 10 ms at a time.",
              "HAL_SleepMs(10), ten times, lasted %u ms by HAL_UptimeMs, wanted about 100", (unsigned)took);
    }
}

static void time_no_sleep(void)
{
    uint32_t start = now();
    unsigned i;

    for (i = 0; i < 20; i++) {
        HAL_SleepMs(0);
    }
    lasted("HAL_SleepMs(0), twenty times,", now() - start, 0, "", "It returns, or lets another thread run, no more.",
           SEE_TIME);
}
#endif

#if BUILT & SELFTEST_RANDOM
static void random_spread(void)
{
    unsigned seen[10] = { 0 };
    unsigned i;

    HAL_Srandom(12345);
    for (i = 0; i < 1000; i++) {
        uint32_t n = HAL_Random(10);

        if (n > 9) {
            WRONG(SEE_RANDOM, "The number given is how many values there are: 0 is one of them, and it is not.",
                  "HAL_Random(10) returned %u, wanted 0 to 9", (unsigned)n);
            return;
        }
        seen[n]++;
    }
    for (i = 0; i < 10; i++) {
        if (seen[i] < 30 || seen[i] > 300) {
            WRONG(SEE_RANDOM, "Devices whose numbers agree reconnect in step after an outage.",
                  "HAL_Random(10) returned %u in %u of 1000 calls, wanted about 100", i, seen[i]);
            return;
        }
    }
}

static void random_ends(void)
{
    unsigned region, i;

    for (region = 0; region < 2; region++) {
        for (i = 0; i < 20; i++) {
            uint32_t n = HAL_Random(region);

            if (n != 0) {
                WRONG(SEE_RANDOM, "One value, or none, leaves 0 alone. Mind the division by 0.",
                      "HAL_Random(%u) returned %u, wanted 0", region, (unsigned)n);
                return;
            }
        }
    }
}

static void random_wide(void)
{
    const uint32_t region = 0x40000000;
    uint32_t largest = 0;
    unsigned i;

    for (i = 0; i < 200; i++) {
        uint32_t n = HAL_Random(region);

        largest = n > largest ? n : largest;
    }
    if (largest < region / 4 || largest >= region) {
        WRONG(SEE_RANDOM, "A rand() of 15 bits has to be called more than once for a wide range.",
              "HAL_Random(%u), 200 times, returned %u at most, wanted nearly the whole range", (unsigned)region,
              (unsigned)largest);
    }
}

static void random_seeds(void)
{
    unsigned i, same = 0;

    for (i = 0; i < 4; i++) {
        uint32_t one;

        HAL_Srandom(1 + i);
        one = HAL_Random(0x40000000);
        HAL_Srandom(1000 + i);
        same += one == HAL_Random(0x40000000);
    }
    if (same == 4) {
        WRONG(SEE_RANDOM, "Without a seed, each start and each device has the same numbers.",
              "HAL_Srandom changes nothing: of 4 pairs of seeds, %u began with the same number, wanted 0", same);
    }
}
#endif

#if BUILT & SELFTEST_MUTEX
#define MUTEXES 16

static void mutex_many(void)
{
    void *mutexes[MUTEXES];
    unsigned i, made;

    for (made = 0; made < MUTEXES; made++) {
        mutexes[made] = HAL_MutexCreate();
        if (mutexes[made] == NULL) {
            WRONG(SEE_MUTEX, "Each client takes several. Even a stub has to return something else.",
                  "HAL_MutexCreate returned NULL for mutex %u of %u", made + 1, MUTEXES);
            break;
        }
    }
    if (made > 1 && mutexes[0] == mutexes[1]) {
        NOTE("HAL_MutexCreate returns one mutex for all: fit for a firmware with one thread alone");
    } else {
        for (i = 0; i < made; i++) { /* all at once: each is one of its own */
            HAL_MutexLock(mutexes[i]);
        }
        for (i = 0; i < made; i++) {
            HAL_MutexUnlock(mutexes[i]);
        }
    }
    for (i = 0; i < made; i++) {
        HAL_MutexDestroy(mutexes[i]);
    }
    NOTE("not run: whether a mutex keeps a second thread out; ports/tests/test_os.c does that where threads are");
}

static void mutex_reuse(void)
{
    unsigned i;

    for (i = 0; i < 500; i++) {
        void *mutex = HAL_MutexCreate();

        if (mutex == NULL) {
            WRONG(SEE_MUTEX, "Each one before was destroyed. Does that give back what it took?",
                  "HAL_MutexDestroy: after %u mutexes in a row HAL_MutexCreate returned NULL", i);
            return;
        }
        HAL_MutexLock(mutex);
        HAL_MutexUnlock(mutex);
        HAL_MutexLock(mutex);
        HAL_MutexUnlock(mutex);
        HAL_MutexDestroy(mutex);
    }
}
#endif

#if BUILT & (SELFTEST_MODULE | SELFTEST_IDENTITY | SELFTEST_VERSION | SELFTEST_SETTERS)
#define UNTOUCHED 0x7E /* '~', which none of the texts has */

/* Calls a getter whose text has `max` characters at most. Returns its length, -1 after telling what is wrong. */
static int get(const char *name, int (*getter)(char *), unsigned max)
{
    const char *end;
    unsigned length, at;
    int said;

    memset(buffer, UNTOUCHED, sizeof(buffer));
    said = getter(buffer);
    if (said <= 0 && (buffer[0] == UNTOUCHED || buffer[0] == '\0')) {
        return 0;
    }
    end = memchr(buffer, '\0', max + 1);
    for (at = max + 1; at < sizeof(buffer) && buffer[at] == UNTOUCHED; at++) {
    }
    if (at < sizeof(buffer)) {
        WRONG(SEE_IDENTITY, "There is room for the longest text and its NUL, and what follows is not the port's.",
              "%s wrote to byte %u of its buffer, wanted %u at most", name, at, max);
        return -1;
    }
    if (end == NULL) {
        WRONG(SEE_IDENTITY, "There is room for the NUL, whatever V2.10's array sizes say.",
              "%s returned %d and wrote no NUL in the first %u bytes", name, said, max + 1);
        return -1;
    }
    length = (unsigned)(end - buffer);
    if (said != (int)length) {
        WRONG(SEE_IDENTITY, "The length is that of strlen: without the NUL.",
              "%s returned %d, wanted %u, the length of its text",
              name, said, length);
        return -1;
    }
    return said;
}
#endif

#if BUILT & (SELFTEST_MODULE | SELFTEST_IDENTITY | SELFTEST_VERSION)
/* The texts are not shown: some are secrets. */
static void show(const char *name, int (*getter)(char *), unsigned max)
{
    int length = get(name, getter, max);

    if (length >= 0) {
        NOTE("%s: %d characters%s", name, length, length == 0 ? ", there is none" : "");
    }
    memset(buffer, 0, sizeof(buffer));
}
#endif

#if BUILT & SELFTEST_MODULE
static void module_getters(void)
{
    show("HAL_GetPartnerID", HAL_GetPartnerID, PID_STRLEN_MAX - 1);
    show("HAL_GetModuleID", HAL_GetModuleID, MID_STRLEN_MAX - 1);
}
#endif

#if BUILT & SELFTEST_IDENTITY
static void identity_getters(void)
{
    show("HAL_GetProductKey", HAL_GetProductKey, PRODUCT_KEY_MAXLEN - 1);
    show("HAL_GetDeviceName", HAL_GetDeviceName, DEVICE_NAME_MAXLEN - 1);
    show("HAL_GetDeviceSecret", HAL_GetDeviceSecret, DEVICE_SECRET_MAXLEN - 1);
    show("HAL_GetProductSecret", HAL_GetProductSecret, PRODUCT_SECRET_MAXLEN - 1);
    show("HAL_GetDeviceID", HAL_GetDeviceID, DEVICE_ID_MAXLEN - 1);
}
#endif

#if BUILT & SELFTEST_VERSION
static void version_getter(void)
{
    show("HAL_GetFirmwareVesion", HAL_GetFirmwareVesion, FIRMWARE_VERSION_MAXLEN - 1);
}
#endif

#if BUILT & SELFTEST_SETTERS
/* Sets the longest text, gets it, and sets what was there before. */
static void round_trip(const char *set_name, int (*set)(char *), const char *get_name, int (*getter)(char *),
unsigned max)
{
    static char old[DEVICE_SECRET_MAXLEN], longest[DEVICE_SECRET_MAXLEN];
    int length = get(get_name, getter, max), said;
    unsigned i;

    if (length < 0) {
        return;
    }
    memcpy(old, buffer, (size_t)length);
    old[length] = '\0';
    for (i = 0; i < max; i++) {
        longest[i] = (char)('a' + i % 26);
    }
    longest[max] = '\0';

    said = set(longest);
    if (said != (int)max) {
        WRONG(SEE_IDENTITY, "It returns the length that is stored.",
              "%s returned %d for a text of %u characters, wanted %u",
              set_name, said, max, max);
    }
    length = get(get_name, getter, max);
    if (length >= 0 && (length != (int)max || memcmp(buffer, longest, max) != 0)) {
        WRONG(SEE_IDENTITY, "A text of full length has to be kept whole.",
              "%s: of %u characters that were set, %s returned %d, or others", set_name, max, get_name, length);
    }
    set(old);
    memset(old, 0, sizeof(old));
    memset(buffer, 0, sizeof(buffer));
}

static void setters(void)
{
    round_trip("HAL_SetProductKey", HAL_SetProductKey, "HAL_GetProductKey", HAL_GetProductKey, PRODUCT_KEY_MAXLEN - 1);
    round_trip("HAL_SetDeviceName", HAL_SetDeviceName, "HAL_GetDeviceName", HAL_GetDeviceName, DEVICE_NAME_MAXLEN - 1);
    round_trip("HAL_SetDeviceSecret", HAL_SetDeviceSecret, "HAL_GetDeviceSecret", HAL_GetDeviceSecret,
               DEVICE_SECRET_MAXLEN - 1);
    round_trip("HAL_SetProductSecret", HAL_SetProductSecret, "HAL_GetProductSecret", HAL_GetProductSecret,
               PRODUCT_SECRET_MAXLEN - 1);
    NOTE("not run: whether a secret that was set outlasts a restart");
}
#endif

#if BUILT & (SELFTEST_TCP | SELFTEST_UDP)
/* The byte at a place of what the peer sends, and of what it is sent. */
static char pattern(uint32_t at)
{
    return (char)(at % 251);
}

/* Where `bytes` leave the pattern that they are part of; `length` if nowhere. */
static uint32_t first_strange(const char *bytes, uint32_t from, uint32_t length)
{
    uint32_t i;

    for (i = 0; i < length && bytes[i] == pattern(from + i); i++) {
    }
    return i;
}
#endif

#if BUILT & SELFTEST_TCP
/* Connects to the peer and tells it what to do. Returns the connection, 0 after telling what is wrong. */
static uintptr_t begin(const char *scenario)
{
    uint32_t length = (uint32_t)strlen(scenario);
    uintptr_t fd = HAL_TCP_Establish(host, port);
    int32_t sent;

    if (fd == 0) {
        WRONG(SEE_TCP, "Does `iotkit-cloud selftest-peer` run, on an address that the board can reach?",
              "HAL_TCP_Establish(%s, %u) returned 0, wanted a connection", host, (unsigned)port);
        return 0;
    }
    sent = HAL_TCP_Write(fd, scenario, length, 2000);
    if (sent != (int32_t)length) {
        WRONG(SEE_TCP, "A new connection takes a few bytes at once.",
              "HAL_TCP_Write(%u bytes, 2000 ms) returned %d, wanted %u",
              (unsigned)length, (int)sent, (unsigned)length);
        HAL_TCP_Destroy(fd);
        return 0;
    }
    return fd;
}

static void end(uintptr_t fd)
{
    int32_t result = HAL_TCP_Destroy(fd);

    if (result != 0) {
        WRONG(SEE_TCP, "Does it give up when shutdown() fails? The descriptor is lost then.",
              "HAL_TCP_Destroy returned %d, wanted 0, whatever state the connection is in", (int)result);
    }
}

/* Reads `length` bytes by however many calls it takes, for what is not about HAL_TCP_Read; the peer sends them within
 * 3 s. Returns how many came. */
static uint32_t gather(uintptr_t fd, char *bytes, uint32_t length)
{
    uint32_t start = now(), got = 0;
    unsigned calls;

    /* The calls are limited for a clock that stands still. */
    for (calls = 0; got < length && calls < 500 && now() - start < 5000; calls++) {
        int32_t n = HAL_TCP_Read(fd, bytes + got, length - got, 1000);

        if (n < 0 || n > (int32_t)(length - got)) {
            break;
        }
        got += (uint32_t)n;
        if (n == 0) {
            HAL_SleepMs(10);
        }
    }
    return got;
}

/* Reads a number of the peer's: eight digits. Returns -1 after telling that it did not come. */
static int32_t number(uintptr_t fd)
{
    char digits[8];
    int32_t n = 0;
    uint32_t i, got = gather(fd, digits, sizeof(digits));

    for (i = 0; i < got && digits[i] >= '0' && digits[i] <= '9'; i++) {
        n = n * 10 + (digits[i] - '0');
    }
    if (i < sizeof(digits)) {
        WRONG(SEE_TCP, "The peer answers at once: was its answer lost, or what it was sent?",
              "HAL_TCP_Read got %u of the 8 digits that the peer sends", (unsigned)i);
        return -1;
    }
    return n;
}

/* As HAL_TCP_Read() into `buffer`; tells how long it took. */
static int32_t timed_read(uintptr_t fd, uint32_t length, uint32_t timeout_ms, uint32_t *took)
{
    uint32_t start = now();
    int32_t n = HAL_TCP_Read(fd, buffer, length, timeout_ms);

    *took = now() - start;
    return n;
}

static void tcp_echo(void)
{
    uintptr_t fd = begin("echo\n");
    uint32_t i, got;
    int32_t sent;

    if (fd == 0) {
        return;
    }
    for (i = 0; i < 200; i++) {
        buffer[i] = pattern(i);
    }
    sent = HAL_TCP_Write(fd, buffer, 200, 2000);
    if (sent != 200) {
        WRONG(SEE_TCP, "It returns how many bytes went out.",
              "HAL_TCP_Write(200 bytes, 2000 ms) returned %d, wanted 200",
              (int)sent);
    }
    memset(buffer, 0, sizeof(buffer));
    got = gather(fd, buffer, 200);
    i = first_strange(buffer, 0, got);
    if (got < 200) {
        WRONG(SEE_TCP, "The peer sends back what comes.",
              "HAL_TCP_Write said that 200 bytes went out, and HAL_TCP_Read got %u back", (unsigned)got);
    } else if (i < 200) {
        WRONG(SEE_TCP, "Bytes arrive as they were sent. Are they taken for text?",
              "HAL_TCP_Write and HAL_TCP_Read: byte %u of 200 came back as another", (unsigned)i);
    }
    end(fd);
}

/* The peer's clock settles what time_sleep() cannot: which of the two functions is wrong. */
static void tcp_clock(void)
{
    const uint32_t wanted = 600;
    uintptr_t fd = begin("stopwatch\n.");
    uint32_t start, board_ms = 0;
    int32_t peer_ms = 0;
    unsigned tries;

    if (fd == 0) {
        return;
    }
    if (number(fd) < 0) {
        end(fd);
        return;
    }
    for (tries = 0; tries < TRIES; tries++) {
        start = now();
        HAL_SleepMs(wanted);
        board_ms = now() - start;
        HAL_TCP_Write(fd, ".", 1, 2000);
        peer_ms = number(fd);
        if (peer_ms < 0) {
            break;
        }
        if (peer_ms <= (int32_t)(wanted + slack_ms) && board_ms + 50 >= (uint32_t)peer_ms / 5 * 4) {
            break;
        }
    }
    end(fd);
    if (peer_ms < 0) {
        return;
    }
    lasted("HAL_SleepMs(600) by the peer's clock", (uint32_t)peer_ms, wanted, "Are the milliseconds taken for ticks?",
           "Are the milliseconds taken for ticks?", SEE_TIME);
    /* On the way to the peer and back some time is lost, never won. */
    if (board_ms + 50 < (uint32_t)peer_ms / 5 * 4 || board_ms > (uint32_t)peer_ms + EARLY_MS) {
        clock_is_wrong = 1;
        WRONG(SEE_TIME, "It counts milliseconds: not ticks, not seconds.",
              "HAL_UptimeMs counted %u while %d ms went by on the peer's clock", (unsigned)board_ms, (int)peer_ms);
    }
}

static void tcp_refused(void)
{
    uintptr_t fd = begin("refused\n");
    uint32_t start;
    int32_t closed;

    if (fd == 0) {
        return;
    }
    closed = number(fd);
    end(fd);
    if (closed < 0) {
        return;
    }
    start = now();
    fd = HAL_TCP_Establish(host, (uint16_t)closed);
    if (fd != 0) {
        WRONG(SEE_TCP, "0 is failure, and nothing else is. Is the result of connect() looked at?",
              "HAL_TCP_Establish(%s, %d) returned a connection, wanted 0: nobody listens there", host, (int)closed);
        HAL_TCP_Destroy(fd);
    }
    lasted("HAL_TCP_Establish to a port that refuses", now() - start, 0, "",
           "A refusal comes at once: waiting for it keeps the device away for longer.", SEE_TCP);
}

static void tcp_silence(void)
{
    static const uint32_t timeouts[] = { 250, 1100 }; /* below and above a second: they may take separate ways */
    uintptr_t fd = begin("silent\n");
    unsigned i;

    for (i = 0; fd != 0 && i < 2; i++) {
        uint32_t took;
        int32_t n = timed_read(fd, 10, timeouts[i], &took);

        if (n != 0) {
            WRONG(SEE_READING, "Silence is no error and no end.",
                  "HAL_TCP_Read(10 bytes, %u ms) returned %d where nothing comes, wanted 0", (unsigned)timeouts[i],
                  (int)n);
        }
        if (!lasted(i == 0 ? "HAL_TCP_Read(10 bytes, 250 ms) where nothing comes"
                           : "HAL_TCP_Read(10 bytes, 1100 ms) where nothing comes",
                    took, timeouts[i], "It waits for its whole timeout: else the library asks again every 10 ms.",
                    "Is the timeout in ms? Does it count anew? IOT_MQTT_Yield lasts as long.", SEE_READING)) {
            break;
        }
    }
    if (fd != 0) {
        end(fd);
    }
}

static void tcp_pieces(void)
{
    uintptr_t fd = begin("pieces 20 25\n");
    uint32_t took;
    int32_t n;

    if (fd == 0) {
        return;
    }
    n = timed_read(fd, 20, 5000, &took);
    if (n != 20) {
        WRONG(SEE_READING, "It goes on until all are there or the time is over.",
              "HAL_TCP_Read(20 bytes, 5000 ms) returned %d after %u ms of bytes 25 ms apart, wanted 20", (int)n,
              (unsigned)took);
    } else if (first_strange(buffer, 0, 20) < 20) {
        WRONG(SEE_READING, "Does each recv() begin behind what is there?",
              "HAL_TCP_Read(20 bytes, 5000 ms): byte %u is another than was sent", (unsigned)first_strange(buffer, 0,
              20));
    } else if (took > 4000) {
        WRONG(SEE_READING, "It returns as soon as all are there.",
              "HAL_TCP_Read(20 bytes, 5000 ms) lasted %u ms, wanted about 500", (unsigned)took);
    }
    end(fd);
}

/* The time ends while bytes keep coming: the call must end as well, and lose none. */
static void tcp_one_timeout(void)
{
    const uint32_t all = 30;
    uintptr_t fd = begin("pieces 30 60\n");
    uint32_t took, got;
    int32_t n;

    if (fd == 0) {
        return;
    }
    n = timed_read(fd, all, 300, &took);
    lasted("HAL_TCP_Read(30 bytes, 300 ms) of bytes 60 ms apart", took, 300,
           "With some bytes there it goes on until its time is over.",
           "One timeout counts for the whole call, not for each recv() or byte.", SEE_READING);
    if (n <= 0 || n > (int32_t)all) {
        WRONG(SEE_READING, "It returns those that came: taken back, they are lost, and the stream is out of step.",
              "HAL_TCP_Read(30 bytes, 300 ms) returned %d while bytes came 60 ms apart, wanted about 5", (int)n);
    }
    if (n >= 0 && n < (int32_t)all) {
        got = (uint32_t)n + gather(fd, buffer + n, all - (uint32_t)n);
        if (got < all || first_strange(buffer, 0, all) < all) {
            WRONG(SEE_READING, "What a call has received it returns, also when its time is over.",
                  "HAL_TCP_Read: of 30 bytes in several calls %u came, the first %u as they were sent, wanted 30",
                  (unsigned)got,
                  (unsigned)first_strange(buffer, 0, got));
        }
    }
    end(fd);
}

static void tcp_closed(void)
{
    uintptr_t fd = begin("close 5\n");
    uint32_t took;
    unsigned i;
    int32_t n;

    if (fd == 0) {
        return;
    }
    n = timed_read(fd, 10, 1500, &took);
    if (n != 5 || first_strange(buffer, 0, 5) < 5) {
        WRONG(SEE_READING, "What came before the end is returned first; the end comes with the next call.",
              "HAL_TCP_Read(10 bytes, 1500 ms) returned %d where 5 bytes and the end come, wanted 5", (int)n);
    }
    for (i = 0; i < 2; i++) {
        n = timed_read(fd, 10, 1500, &took);
        if (n != -1) {
            WRONG(SEE_READING,
                  n == 0 ? "A 0 looks like silence: the loss is noticed when the keep-alive fails, a minute later."
                         : "-1 is the end by the peer, any other negative number is a failure.",
                  "HAL_TCP_Read returned %d after %u ms on a connection that the peer has closed, wanted -1", (int)n,
                  (unsigned)took);
            break;
        }
    }
    if (n == -1) {
        lasted("HAL_TCP_Read on a connection that the peer has closed", took, 0, "", "The end is there at once.",
               SEE_READING);
    }
    end(fd);
}

/* Writing to a peer that has closed fails from the second time on: the first brings its reset. */
static void tcp_write_closed(void)
{
    uintptr_t fd = begin("close 0\n");
    uint32_t start;
    int32_t n = 0;
    unsigned i;

    if (fd == 0) {
        return;
    }
    HAL_TCP_Read(fd, buffer, 1, 1000);
    start = now();
    for (i = 0; i < 10 && n >= 0; i++) {
        n = HAL_TCP_Write(fd, "x", 1, 200);
        HAL_SleepMs(20);
    }
    if (n >= 0) {
        WRONG(SEE_TCP, "A broken connection that looks like a full one makes the library try again and again.",
              "HAL_TCP_Write returned %d in %u calls and %u ms after the peer has closed, wanted a negative number",
              (int)n, i,
              (unsigned)(now() - start));
    }
    end(fd);
}

static void tcp_reset(void)
{
    uintptr_t fd = begin("reset\n");
    uint32_t took;
    int32_t n;

    if (fd == 0) {
        return;
    }
    n = timed_read(fd, 10, 1500, &took);
    if (n >= 0) {
        WRONG(SEE_READING, "A 0 looks like silence: the loss is noticed when the keep-alive fails, a minute later.",
              "HAL_TCP_Read returned %d after %u ms on a connection that the peer has reset, wanted a negative number",
              (int)n,
              (unsigned)took);
    }
    end(fd);
}

#define DIGITS(number) DIGITS_OF_VALUE(number)
#define DIGITS_OF_VALUE(number) #number

static void tcp_big_write(void)
{
    uint32_t size = SELFTEST_BIG, sent = 0, i;
    char *block = HAL_Malloc(SELFTEST_BIG);
    int32_t n = 0, came, as_sent;
    uintptr_t fd;

    if (block == NULL) {
        WRONG(SEE_MEMORY, "It was there before.", "HAL_Malloc(%u) returned NULL", (unsigned)size);
        return;
    }
    for (i = 0; i < size; i++) {
        block[i] = pattern(i);
    }
    fd = begin("take " DIGITS(SELFTEST_BIG) "\n");
    if (fd != 0) {
        while (sent < size && (n = HAL_TCP_Write(fd, block + sent, size - sent,
        5000)) > 0 && n <= (int32_t)(size - sent)) {
            sent += (uint32_t)n;
        }
        if (sent < size) {
            WRONG(SEE_TCP, "The peer reads all the time: within 5 s some went out.",
                  "HAL_TCP_Write(%u bytes, 5000 ms) returned %d after %u of %u bytes", (unsigned)(size - sent), (int)n,
                  (unsigned)sent, (unsigned)size);
        }
        came = number(fd);
        as_sent = came < 0 ? -1 : number(fd);
        if (as_sent >= 0 && (came != (int32_t)sent || as_sent != came)) {
            WRONG(SEE_TCP, "It returns how many bytes the network has taken, and these stay in order.",
                  "HAL_TCP_Write returned %u in all, and %d came to the peer, %d of them as they were sent",
                  (unsigned)sent,
                  (int)came, (int)as_sent);
        }
        end(fd);
    }
    HAL_Free(block);
}

/* The peer does not read: at some point nothing goes out any more. */
static void tcp_full_write(void)
{
    uintptr_t fd = begin("deaf\n");
    uint32_t took = 0;
    int32_t n = sizeof(buffer);
    uint32_t calls;

    if (fd == 0) {
        return;
    }
    memset(buffer, 'x', sizeof(buffer));
    for (calls = 0; n == (int32_t)sizeof(buffer) && calls < 40000; calls++) {
        uint32_t start = now();

        n = HAL_TCP_Write(fd, buffer, sizeof(buffer), 300);
        took = now() - start;
    }
    if (n == (int32_t)sizeof(buffer)) {
        NOT_RUN("the network took %u KB for a peer that does not read", (unsigned)(calls / 2));
    } else if (n < 0 || n > (int32_t)sizeof(buffer)) {
        WRONG(SEE_TCP, "The connection is not lost, it is full: 0, or how many went.",
              "HAL_TCP_Write(512 bytes, 300 ms) returned %d after %u ms to a peer that does not read, wanted 0 to 511",
              (int)n,
              (unsigned)took);
    }
    if (n != (int32_t)sizeof(buffer)) {
        lasted("HAL_TCP_Write(512 bytes, 300 ms) to a peer that does not read", took, 300,
               "It waits for the network for as long as it may.", "A publish lasts as long. Is the send non-blocking?",
               SEE_TCP);
    }
    end(fd);
}

/* The peer sees whether connections are closed, on whatever network stack. */
static void tcp_closes(void)
{
    int32_t left = -1;
    unsigned i;

    for (i = 0; i < 4; i++) {
        uintptr_t fd = begin("silent\n");

        if (fd == 0) {
            return;
        }
        end(fd);
    }
    for (i = 0; i < 20 && left != 0; i++) {
        uintptr_t fd = begin("count\n");

        if (fd == 0) {
            return;
        }
        left = number(fd);
        end(fd);
        if (left < 0) {
            return;
        }
        if (left > 0) {
            HAL_SleepMs(50);
        }
    }
    if (left > 0) {
        WRONG(SEE_TCP, "Each lost connection costs a socket until none is left.",
              "HAL_TCP_Destroy: the peer still has %d connections that were destroyed, wanted 0", (int)left);
    }
}

static void tcp_rounds(void)
{
    uint32_t i;

    for (i = 0; i < rounds; i++) {
        uintptr_t fd = HAL_TCP_Establish(host, port);

        if (fd == 0) {
            WRONG(SEE_TCP, "Are sockets lost whose peer went first? Close them whether or not shutdown() succeeds.",
                  "HAL_TCP_Destroy: after %u connections in a row HAL_TCP_Establish returned 0, wanted %u", (unsigned)i,
                  (unsigned)rounds);
            return;
        }
        HAL_TCP_Write(fd, "reset\n", 6, 2000);
        HAL_TCP_Read(fd, buffer, 1, 1000);
        HAL_TCP_Destroy(fd);
    }
}
#endif

#if BUILT & SELFTEST_UDP
#define NO_SOCKET ((void *)-1)

static void *udp_begin(void)
{
    char name[HOST_SIZE];
    void *socket;

    strcpy(name, host);
    socket = HAL_UDP_create(name, port);
    if (socket == NO_SOCKET || socket == NULL) {
        WRONG(SEE_UDP, "Failure is (void *)-1, and NULL is no socket.",
              "HAL_UDP_create(%s, %u) returned %s, wanted a socket",
              name, (unsigned)port, socket == NULL ? "NULL" : "(void *)-1");
        return NO_SOCKET;
    }
    return socket;
}

/* Asks the peer, again where a datagram was lost. Returns as HAL_UDP_readTimeout() into `buffer`. */
static int udp_ask(void *socket, const char *question, unsigned size)
{
    int length = (int)strlen(question), sent, n = -2;
    unsigned tries;

    for (tries = 0; tries < TRIES && n == -2; tries++) {
        sent = HAL_UDP_write(socket, (const unsigned char *)question, (unsigned)length);
        if (sent != length) {
            WRONG(SEE_UDP, "A datagram goes whole.", "HAL_UDP_write(%d bytes) returned %d, wanted %d", length, sent,
                  length);
        }
        n = HAL_UDP_readTimeout(socket, (unsigned char *)buffer, size, 1000);
    }
    return n;
}

static void udp_sizes(void)
{
    void *socket = udp_begin();
    int n;

    if (socket == NO_SOCKET) {
        return;
    }
    n = udp_ask(socket, "echo hello", sizeof(buffer));
    if (n != 10 || memcmp(buffer, "echo hello", 10) != 0) {
        WRONG(SEE_UDP, "It returns the length of the datagram that came.",
              "HAL_UDP_readTimeout(1000 ms) returned %d for an answer of 10 bytes, or others than it has", n);
    }
    n = udp_ask(socket, "send 0", sizeof(buffer));
    if (n != 0) {
        WRONG(SEE_UDP, "An empty datagram is one.",
              "HAL_UDP_readTimeout(1000 ms) returned %d for an empty datagram, wanted 0", n);
    }
    n = udp_ask(socket, "send 100", 10);
    if (n != 10 || first_strange(buffer, 0, 10) < 10) {
        WRONG(SEE_UDP, "A longer datagram is cut to the buffer.",
              "HAL_UDP_readTimeout(10 bytes) returned %d for a datagram of 100, wanted 10", n);
    }
    n = HAL_UDP_readTimeout(socket, (unsigned char *)buffer, sizeof(buffer), 100);
    if (n != -2) {
        WRONG(SEE_UDP, "One call is one datagram: what it was cut off is gone.",
              "HAL_UDP_readTimeout(100 ms) returned %d after a datagram was cut, wanted -2", n);
    }
    HAL_UDP_close(socket);
}

static void udp_silence(void)
{
    void *socket = udp_begin();
    uint32_t start;
    int n;

    if (socket == NO_SOCKET) {
        return;
    }
    HAL_UDP_write(socket, (const unsigned char *)"silent", 6);
    start = now();
    n = HAL_UDP_readTimeout(socket, (unsigned char *)buffer, sizeof(buffer), 300);
    if (n != -2) {
        WRONG(SEE_UDP, "0 is an empty datagram; all but -2 and -3 is a broken path.",
              "HAL_UDP_readTimeout(300 ms) returned %d where nothing comes, wanted -2", n);
    }
    lasted("HAL_UDP_readTimeout(300 ms) where nothing comes", now() - start, 300, "It waits for its whole timeout.",
           "Is the timeout in ms?", SEE_UDP);
    HAL_UDP_close(socket);
}

static void udp_rounds(void)
{
    uint32_t i;

    for (i = 0; i < rounds; i++) {
        void *socket = udp_begin();

        if (socket == NO_SOCKET) {
            WRONG(SEE_UDP, "Each socket before was closed.",
                  "HAL_UDP_close: after %u sockets in a row there was none, wanted %u",
                  (unsigned)i, (unsigned)rounds);
            return;
        }
        HAL_UDP_close(socket);
    }
}
#endif

/* A check tells what is wrong; one that tells nothing is right. `what` is told first: a call that never returns, or
 * that ends the program, is named by the last line. */
struct check {
    unsigned group;
    const char *what;
    void (*run)(void);
};

static const struct check checks[] = {
    { SELFTEST_TEXT, "HAL_Printf with %s, %d and %u", text_formats },
    { SELFTEST_TEXT, "HAL_Printf of a long line in two pieces", text_long_lines },
#if BUILT & SELFTEST_MEMORY
    { SELFTEST_MEMORY, "HAL_Malloc: aligned blocks", memory_aligned },
    { SELFTEST_MEMORY, "HAL_Malloc: many blocks at once", memory_distinct },
    { SELFTEST_MEMORY, "HAL_Malloc: a big block", memory_big },
    { SELFTEST_MEMORY, "HAL_Free: blocks come back", memory_reuse },
    { SELFTEST_MEMORY, "HAL_Malloc: more than can be", memory_impossible },
#endif
#if BUILT & SELFTEST_TIME
    { SELFTEST_TIME, "HAL_UptimeMs: it goes on, in small steps", time_steps },
    { SELFTEST_TIME, "HAL_SleepMs and HAL_UptimeMs agree", time_sleep },
    { SELFTEST_TIME, "HAL_SleepMs: short times", time_short_sleeps },
    { SELFTEST_TIME, "HAL_SleepMs: no time", time_no_sleep },
#endif
#if BUILT & SELFTEST_RANDOM
    { SELFTEST_RANDOM, "HAL_Random: range and spread", random_spread },
    { SELFTEST_RANDOM, "HAL_Random: one value, and none", random_ends },
    { SELFTEST_RANDOM, "HAL_Random: a wide range", random_wide },
    { SELFTEST_RANDOM, "HAL_Srandom: seeds differ", random_seeds },
#endif
#if BUILT & SELFTEST_MUTEX
    { SELFTEST_MUTEX, "HAL_MutexCreate: many at once", mutex_many },
    { SELFTEST_MUTEX, "HAL_MutexDestroy: many in a row", mutex_reuse },
#endif
#if BUILT & SELFTEST_MODULE
    { SELFTEST_MODULE, "HAL_GetPartnerID, HAL_GetModuleID: texts and their lengths", module_getters },
#endif
#if BUILT & SELFTEST_TCP
    { SELFTEST_TCP, "HAL_TCP_Establish, _Write, _Read: an echo", tcp_echo },
    { SELFTEST_TCP, "HAL_SleepMs and HAL_UptimeMs beside the peer's clock", tcp_clock },
    { SELFTEST_TCP, "HAL_TCP_Establish: a port that refuses", tcp_refused },
    { SELFTEST_TCP, "HAL_TCP_Read: nothing comes", tcp_silence },
    { SELFTEST_TCP, "HAL_TCP_Read: bytes come in pieces", tcp_pieces },
    { SELFTEST_TCP, "HAL_TCP_Read: one timeout for the whole call", tcp_one_timeout },
    { SELFTEST_TCP, "HAL_TCP_Read: the peer closes", tcp_closed },
    { SELFTEST_TCP, "HAL_TCP_Read: the peer resets", tcp_reset },
    { SELFTEST_TCP, "HAL_TCP_Write: the peer has closed (if it ends here: SIGPIPE; send with MSG_NOSIGNAL)",
    tcp_write_closed },
    { SELFTEST_TCP, "HAL_TCP_Write: a big block", tcp_big_write },
    { SELFTEST_TCP, "HAL_TCP_Write: the peer does not read", tcp_full_write },
    { SELFTEST_TCP, "HAL_TCP_Destroy: the peer sees the end", tcp_closes },
    { SELFTEST_TCP, "HAL_TCP_Destroy: many in a row, the peer being gone", tcp_rounds },
#endif
#if BUILT & SELFTEST_IDENTITY
    { SELFTEST_IDENTITY, "HAL_Get ProductKey, DeviceName and others: texts and their lengths", identity_getters },
#endif
#if BUILT & SELFTEST_VERSION
    { SELFTEST_VERSION, "HAL_GetFirmwareVesion: text and its length", version_getter },
#endif
#if BUILT & SELFTEST_UDP
    { SELFTEST_UDP, "HAL_UDP_write, _readTimeout: datagrams", udp_sizes },
    { SELFTEST_UDP, "HAL_UDP_readTimeout: nothing comes", udp_silence },
    { SELFTEST_UDP, "HAL_UDP_close: many in a row", udp_rounds },
#endif
#if BUILT & SELFTEST_EXHAUST
    { SELFTEST_EXHAUST, "HAL_Malloc: until there is none left", exhaust_memory },
#endif
#if BUILT & SELFTEST_SETTERS
    { SELFTEST_SETTERS, "HAL_Set...: the longest texts, and back", setters },
#endif
};

/* By their bits: 0x001, 0x002, ... */
static const char *const groups[] = { "text",     "memory",  "time", "random",  "mutex",  "module", "tcp",
                                      "identity", "version", "udp",  "exhaust", "setters" };

static void run_group(unsigned group)
{
    unsigned i, before;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (checks[i].group == group) {
            HAL_Printf("%s\n", checks[i].what);
            before = wrong + not_run + to_look_at;
            checks[i].run();
            if (wrong + not_run + to_look_at == before) {
                HAL_Printf("  ok\n");
                right++;
            }
        }
    }
}

/* Why a group is not run; NULL if it is. */
static const char *obstacle(unsigned group, unsigned chosen)
{
    if ((BUILT & group) == 0) {
        return "not built, see SELFTEST_GROUPS";
    }
    if ((chosen & group) == 0) {
        return (group & ONLY_WHEN_NAMED) != 0 ? "only when it is named" : "not chosen";
    }
    if ((group & (SELFTEST_TCP | SELFTEST_UDP)) != 0 && host[0] == '\0') {
        return "no peer was given, HOST:PORT";
    }
    return NULL;
}

static int is_option(const char *word, const char *name, uint32_t *value)
{
    size_t length = strlen(name);

    if (strncmp(word, name, length) != 0) {
        return 0;
    }
    *value = (uint32_t)strtoul(word + length, NULL, 10);
    return 1;
}

/* Takes one argument. Returns 0 if it makes no sense. */
static int take_argument(const char *word, unsigned *chosen)
{
    static char name[HOST_SIZE];
    const char *colon = strrchr(word, ':');
    unsigned i;

    if (is_option(word, "slack=", &slack_ms) || is_option(word, "rounds=", &rounds)) {
        return 1;
    }
    if (colon != NULL && (size_t)(colon - word) < sizeof(name)) {
        memcpy(name, word, (size_t)(colon - word));
        name[colon - word] = '\0';
        host = name;
        port = (uint16_t)strtoul(colon + 1, NULL, 10);
        return 1;
    }
    for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strcmp(word, groups[i]) == 0) {
            *chosen |= 1u << i;
            return 1;
        }
    }
    return 0;
}

/* Runs what `argv` says, whose first is skipped as main's; (0, NULL) is all there is. Returns the exit status. */
int hal_selftest(int argc, char **argv)
{
    unsigned chosen = 0, i, missing = 0;

    host = SELFTEST_HOST;
    port = SELFTEST_PORT;
    slack_ms = SELFTEST_SLACK_MS;
    rounds = SELFTEST_ROUNDS;
    clock_is_wrong = 0;
    right = wrong = not_run = to_look_at = 0;
    for (i = 1; (int)i < argc; i++) {
        if (!take_argument(argv[i], &chosen)) {
            HAL_Printf("usage: hal_selftest [HOST:PORT] [GROUP...] [slack=MS] [rounds=N], not %s\n", argv[i]);
            return 2;
        }
    }
    if (chosen == 0) {
        chosen = BUILT & ~ONLY_WHEN_NAMED;
    }
    for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        const char *why = obstacle(1u << i, chosen);

        if (why == NULL) {
            run_group(1u << i);
        } else {
            HAL_Printf("not run: %s: %s\n", groups[i], why);
            missing += (chosen >> i) & 1u;
        }
    }
    HAL_Printf("selftest: %u right, %u wrong, %u to look at, %u not run", right, wrong, to_look_at, not_run);
    HAL_Printf(", %u groups could not be run\n", missing);
    return wrong > 0 ? 1 : missing > 0 ? 2 : 0;
}

#ifndef SELFTEST_NO_MAIN
int main(int argc, char **argv)
{
    return hal_selftest(argc, argv);
}
#endif
