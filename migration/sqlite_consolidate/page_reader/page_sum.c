/* The pages that were proved inside a transaction, and that COMMIT leaves as they are.

Each page is hashed with its number and a key, by SHA-256, and the hashes are added modulo 2**256. The key is drawn for each
transaction, and only the process that asked knows it, so no content of a page can have a chosen sum. After COMMIT the pages
that neither the schema nor the free list uses have to be those pages: as many, with the same sum. */
#include "bytes.h"

#include <inttypes.h>

/* Start a sum with the key of the request, or with a new one. Returns false if none can be drawn. */
bool start_pages(Reader *reader) {
    if (reader->request.has_pages) {
        reader->pages.key = reader->request.pages.key;
        return true;
    }
    return draw_key(&reader->pages.key);
}

static void hash_pages(PageSum *pages) {
    if (pages->waiting > 0) {
        hash_and_add(pages->messages, pages->waiting, pages->sum);
    }
    pages->waiting = 0;
}

void add_page(Reader *reader, uint32_t number, const uint8_t *bytes) {
    PageSum *pages = &reader->pages;
    Bytes *message = &pages->messages[pages->waiting];
    message->length = 0;
    append_u64(message, pages->key.half[0]);
    append_u64(message, pages->key.half[1]);
    append_u32(message, number);
    append(message, bytes, reader->file.page_size);
    pages->count++;
    if (++pages->waiting == MOST_MESSAGES) {
        hash_pages(pages);
    }
}

/* Add the pages of another sum with the same key. */
void add_page_sum(PageSum *pages, PageSum *other) {
    hash_pages(other);
    pages->count += other->count;
    add_to_sum(pages->sum, other->sum);
    other->count = 0;
    memset(other->sum, 0, sizeof other->sum);
}

/* Return whether the pages are those of the request. */
bool has_same_pages(Reader *reader) {
    const PageSum *proved = &reader->request.pages;
    hash_pages(&reader->pages);
    return reader->pages.count == proved->count && memcmp(reader->pages.sum, proved->sum, sizeof proved->sum) == 0;
}

bool read_page_sum(const char *line, PageSum *pages) {
    return sscanf(line, "pages %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &pages->key.half[0],
                  &pages->key.half[1], &pages->count, &pages->sum[0], &pages->sum[1], &pages->sum[2], &pages->sum[3]) == 7;
}

void print_page_sum(Reader *reader) {
    PageSum *pages = &reader->pages;
    hash_pages(pages);
    printf("pages %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", pages->key.half[0],
           pages->key.half[1], pages->count, pages->sum[0], pages->sum[1], pages->sum[2], pages->sum[3]);
}
