/* HAL_Firmware_Persistence_*. */
#include "check.h"
#include "net.h"

#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/port-firmware-XXXXXX";
static char file[64], part[64];

/* The content of a file as text; "" if it is empty or not there. */
static const char *content(const char *path)
{
    static char text[64];
    FILE *in = fopen(path, "rb");
    size_t n = 0;

    if (in != NULL) {
        n = fread(text, 1, sizeof(text) - 1, in);
        fclose(in);
    }
    text[n] = '\0';
    return text;
}

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int write_text(const char *text)
{
    char block[32];

    strcpy(block, text);
    return HAL_Firmware_Persistence_Write(block, (uint32_t)strlen(block));
}

static void blocks_become_a_file(void)
{
    struct stat info;

    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(write_text("one "), 0);
    CHECK_EQUAL(write_text(""), 0);
    CHECK_EQUAL(write_text("two"), 0);
    CHECK(!exists(file));
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), 0);
    CHECK(strcmp(content(file), "one two") == 0);
    CHECK(!exists(part));
    CHECK_EQUAL(stat(file, &info), 0);
    CHECK_EQUAL(info.st_mode & 0777, 0600);
}

static void an_abandoned_download_leaves_the_last_firmware(void)
{
    int before = net_open_descriptors();

    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(write_text("abandoned"), 0);
    CHECK(strcmp(content(file), "one two") == 0);
    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(write_text("three"), 0);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), 0);
    CHECK(strcmp(content(file), "three") == 0);
    CHECK_EQUAL(net_open_descriptors(), before);
}

static void without_a_start_nothing_succeeds(void)
{
    CHECK_EQUAL(write_text("x"), -1);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), -1);
    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(HAL_Firmware_Persistence_Write(NULL, 4), -1);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), 0);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), -1);
}

static void an_unusable_place_is_an_error(void)
{
    setenv("FIRMWARE_FILE", "/nonexistent/folder/firmware", 1);
    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(write_text("x"), -1);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), -1);
    setenv("FIRMWARE_FILE", file, 1);
}

/* A directory of the final name: everything works until the last step. */
static void a_firmware_that_cannot_take_its_name_is_an_error(void)
{
    char place[80];

    snprintf(place, sizeof(place), "%s/taken", folder);
    CHECK_EQUAL(mkdir(place, 0700), 0);
    setenv("FIRMWARE_FILE", place, 1);
    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(write_text("x"), 0);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), -1);
    CHECK_EQUAL(rmdir(place), 0);
    strcat(place, ".part");
    CHECK(!exists(place));
    setenv("FIRMWARE_FILE", file, 1);
}

static void a_planted_link_is_not_followed(void)
{
    char victim[80];

    snprintf(victim, sizeof(victim), "%s/victim", folder);
    CHECK_EQUAL(symlink(victim, part), 0);
    HAL_Firmware_Persistence_Start();
    CHECK_EQUAL(write_text("x"), 0);
    CHECK_EQUAL(HAL_Firmware_Persistence_Stop(), 0);
    CHECK(!exists(victim));
    CHECK(strcmp(content(file), "x") == 0);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        net_die("mkdtemp");
    }
    snprintf(file, sizeof(file), "%s/fw", folder);
    snprintf(part, sizeof(part), "%s/fw.part", folder);
    setenv("FIRMWARE_FILE", file, 1);

    RUN(blocks_become_a_file);
    RUN(an_abandoned_download_leaves_the_last_firmware);
    RUN(without_a_start_nothing_succeeds);
    RUN(an_unusable_place_is_an_error);
    RUN(a_firmware_that_cannot_take_its_name_is_an_error);
    RUN(a_planted_link_is_not_followed);

    unlink(file);
    rmdir(folder);
    return finish();
}
