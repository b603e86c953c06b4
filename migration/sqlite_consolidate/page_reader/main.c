/* The program: page_reader PATH SECONDS, with a request on its standard input.

It limits itself before it reads a byte: it can write no file, and has limits of memory and time. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef SOURCE_HASH
#define SOURCE_HASH "none"
#endif
#ifndef PLATFORM
#define PLATFORM "none"
#endif

enum { MOST_DESCRIPTORS = 16 };

static bool limit(int resource, rlim_t most) {
    struct rlimit value = {most, most};
    return setrlimit(resource, &value) == 0;
}

static bool limit_process(long seconds) {
#if !defined(WITH_SANITIZERS)
    if (!limit(RLIMIT_AS, (rlim_t)1280 << 20)) {
        return false;
    }
#endif
    return limit(RLIMIT_CPU, (rlim_t)seconds) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, MOST_DESCRIPTORS);
}

static int answer(const char *path) {
    Reader *reader = allocate(1, sizeof *reader);
    reader->file.descriptor = -1;
    if (read_request(stdin, &reader->request)) {
        prove_file(reader, path);
    } else {
        add_reason(&reader->verdict.unreadable, "the request is malformed");
    }
    print_answer(reader);
    bool is_yes = reader->verdict.errors.count + reader->verdict.unreadable.count == 0;
    free_reader(reader);
    free(reader);
    return is_yes ? 0 : 1;
}

#if defined(WITH_SANITIZERS)
/* Answer requests until the input ends. A path precedes each, on a line of its own. */
static int answer_all(void) {
    char path[4096];
    fflush(stdout);
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        answer(path);
    }
    return 0;
}
#endif

int main(int count, char **arguments) {
    printf("page_reader 1 %s %s\n", SOURCE_HASH, PLATFORM);
    if (count == 2 && strcmp(arguments[1], "--version") == 0) {
        return 0;
    }
#if defined(WITH_SANITIZERS)
    if (count == 2 && strcmp(arguments[1], "--all") == 0) {
        return answer_all();
    }
#endif
    if (count != 3 || atol(arguments[2]) < 1 || !limit_process(atol(arguments[2]))) {
        printf("unreadable the process could not be limited\n");
        return 2;
    }
    return answer(arguments[1]);
}
