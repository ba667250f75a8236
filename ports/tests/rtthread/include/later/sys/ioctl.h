/* A stand-in: where FIONBIO is from RT-Thread 4.1 on. */
#define FIONBIO 0x8004667E
