/* Reasons why the answer is not yes. They hold page numbers and never a value of a row. */
#include "reader.h"

#include <stdarg.h>

/* Keep a reason. Returns false always, so that a caller can return it. */
bool add_reason(Reasons *reasons, const char *format, ...) {
    if (reasons->count < MOST_REASONS) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(reasons->text[reasons->count++], REASON_LENGTH, format, arguments);
        va_end(arguments);
    }
    return false;
}
