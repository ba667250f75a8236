/* A stand-in: where FIONBIO is before RT-Thread 4.1. */
#define FIONBIO 0x8004667E
