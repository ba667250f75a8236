/* What a firmware does first, with a made-up device: connects over TLS, here to where nobody listens. Exit status: 0 if
 * the library refused in order, which takes all of it, and both ports, to be linked. */
#include "iot_export.h"
#include "iot_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MQTT_COMM_ENABLED
#error "the archive's features are not told to who includes its headers"
#endif

int main(void)
{
    static char out[512], in[512];
    iotx_mqtt_param_t how;
    iotx_conn_info_pt info;
    void *found = NULL;
    void *client;

    IOT_OpenLog("consumer");
    if (IOT_SetupConnInfo("a1MadeUp000", "consumer", "made-up-secret", &found) != 0) {
        printf("consumer: no connection info\n");
        return 1;
    }
    info = found;
    memset(&how, 0, sizeof(how));
    how.host = info->host_name;
    how.port = info->port;
    how.client_id = info->client_id;
    how.username = info->username;
    how.password = info->password;
    how.pub_key = info->pub_key;
    how.pwrite_buf = out;
    how.write_buf_size = sizeof(out);
    how.pread_buf = in;
    how.read_buf_size = sizeof(in);
    client = IOT_MQTT_Construct(&how);
    if (client != NULL) {
        IOT_MQTT_Destroy(&client);
        printf("consumer: connected to somebody\n");
        return 1;
    }
    printf("consumer: linked\n");
    return 0;
}
