#include "shim.h"

char *LITE_json_value_of(char *key, char *src, ...)
{
    return iotkit_json_value_of(key, src);
}
