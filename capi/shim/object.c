#include "shim.h"

void *new_object(const void *_class, ...)
{
    void *object = iotkit_object_make(_class);
    void *made;
    va_list ap;

    if (object == 0) {
        return 0;
    }
    va_start(ap, _class);
    made = iotkit_object_construct(object, &ap);
    va_end(ap);
    return made;
}
