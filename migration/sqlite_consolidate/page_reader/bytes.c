/* Memory, without which there is no answer. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* End this process. Its parent takes an answer without an end as a reason to ask SQLite. */
static void end_without_memory(void) {
    static const char text[] = "unreadable memory ran out\n";
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0) {
        _exit(4);
    }
    _exit(3);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (memory == NULL) {
        end_without_memory();
    }
    return memory;
}

/* Make room for more bytes than there are. */
void grow_bytes(Bytes *bytes, size_t more) {
    size_t needed = bytes->length + more;
    uint8_t *grown = realloc(bytes->at, 2 * needed);
    if (grown == NULL) {
        end_without_memory();
    }
    bytes->at = grown;
    bytes->room = 2 * needed;
}
