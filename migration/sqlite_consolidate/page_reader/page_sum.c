/* The pages that were proved, by which a file is known again: that of a transaction after COMMIT, and an archive.

The keyed hashes of the pages and their numbers are added. The key is drawn for each request, and only the process that asked
knows it, so no content of a page can have a chosen sum. Later the pages that neither the schema nor the free list uses have to be
those pages: as many, with the same sum. */
#include "bytes.h"

#include <inttypes.h>

/* Start a sum with the key of the request, or with a new one. Returns false if none can be drawn. */
bool start_pages(Reader *reader) {
    PageSum *pages = &reader->pages;
    if (reader->request.has_pages) {
        pages->key = reader->request.pages.key;
    } else if (!draw_key(&pages->key)) {
        return false;
    }
    size_t count = reader->file.page_size / sizeof *pages->words;
    pages->words = allocate(count, sizeof *pages->words);
    expand_key(&pages->key, pages->words, count);
    return true;
}

void add_page(Reader *reader, uint32_t number, const uint8_t *bytes) {
    PageSum *pages = &reader->pages;
    add_page_hash(&pages->sum, &pages->key, pages->words, number, bytes, reader->file.page_size);
}

/* Return whether the pages are those of the request. */
bool has_same_pages(Reader *reader) {
    return same_sum(&reader->pages.sum, &reader->request.pages.sum);
}

bool read_page_sum(const char *line, PageSum *pages) {
    return sscanf(line, "pages %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &pages->key.half[0], &pages->key.half[1],
                  &pages->sum.count, &pages->sum.part[0], &pages->sum.part[1]) == 5;
}

void print_page_sum(const PageSum *pages) {
    printf("pages %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", pages->key.half[0], pages->key.half[1],
           pages->sum.count, pages->sum.part[0], pages->sum.part[1]);
}
