/* A stand-in for RT-Thread's: a command is a function that somebody has. */
#define MSH_CMD_EXPORT(command, description)                                                                           \
    int (*const msh_##command)(int argc, char **argv) = command;                                                       \
    const char msh_help_##command[] = #description
