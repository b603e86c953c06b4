/* The cells of one page (section 1.6, "B-tree Pages"). */
#include "bytes.h"

#include <string.h>

enum { INDEX_INTERIOR = 2, TABLE_INTERIOR = 5, INDEX_LEAF = 10, TABLE_LEAF = 13, SMALLEST_SPAN = 4 };

/* Bytes of a page that have a use, a bit for each. */
typedef struct Spans {
    uint64_t words[65536 / 64];
    uint32_t bytes;
} Spans;

/* Use the bytes of a span. Returns false if one of them has a use already. */
static bool use_span(Spans *spans, uint32_t at, uint32_t end) {
    spans->bytes += end - at;
    while (at < end) {
        uint32_t shift = at % 64, count = end - at < 64 - shift ? end - at : 64 - shift;
        uint64_t bits = (count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1) << shift;
        if (spans->words[at / 64] & bits) {
            return false;
        }
        spans->words[at / 64] |= bits;
        at += count;
    }
    return true;
}

/* Return how many bytes of a payload are on the page itself (section 1.6, "Cell payload overflow pages"). */
static uint32_t local_bytes(uint32_t usable, bool is_index, uint64_t length) {
    uint32_t most = is_index ? (usable - 12) * 64 / 255 - 23 : usable - 35;
    uint32_t least = (usable - 12) * 32 / 255 - 23;
    if (length <= most) {
        return (uint32_t)length;
    }
    uint64_t wanted = least + (length - least) % (usable - 4);
    return wanted <= most ? (uint32_t)wanted : least;
}

/* Read the numbers of a cell. Returns its end on the page, 0 if it is malformed. */
static uint32_t parse_cell(const Reader *reader, const Page *page, uint32_t at, Cell *cell) {
    const uint8_t *start = page->bytes + at, *end = page->bytes + reader->file.usable, *next = start;
    uint64_t rowid = 0;
    unsigned read;
    memset(cell, 0, sizeof *cell);
    if (!page->is_leaf) {
        cell->left_child = big_u32(next);
        next += 4;
    }
    if (page->is_index || page->is_leaf) {
        read = read_varint(next, end, &cell->length);
        next += read;
        if (read == 0 || cell->length > INT32_MAX) {
            return 0;
        }
        cell->local = local_bytes(reader->file.usable, page->is_index, cell->length);
    }
    if (!page->is_index) {
        read = read_varint(next, end, &rowid);
        next += read;
        if (read == 0) {
            return 0;
        }
        cell->rowid = (int64_t)rowid;
    }
    uint32_t overflow = cell->length > cell->local ? 4 : 0;
    if ((uint64_t)(end - next) < (uint64_t)cell->local + overflow) {
        return 0;
    }
    cell->payload = next;
    cell->first_overflow = overflow ? big_u32(next + cell->local) : 0;
    uint32_t length = (uint32_t)(next - start) + cell->local + overflow;
    return at + (length < SMALLEST_SPAN ? SMALLEST_SPAN : length);
}

bool read_cell(const Reader *reader, const Page *page, uint32_t number, Cell *cell) {
    return parse_cell(reader, page, big_u16(page->bytes + page->pointers + 2 * number), cell) != 0;
}

static bool use_cells(Reader *reader, const Page *page, uint32_t content, Spans *spans) {
    uint32_t usable = reader->file.usable;
    for (uint32_t i = 0; i < page->cell_count; i++) {
        Cell cell;
        uint32_t at = big_u16(page->bytes + page->pointers + 2 * i);
        uint32_t end = at >= content && at <= usable - 4 ? parse_cell(reader, page, at, &cell) : 0;
        if (end == 0 || end > usable) {
            return add_reason(&reader->verdict.errors, "page %u: cell %u is malformed", (unsigned)page->number, (unsigned)i);
        }
        if (!use_span(spans, at, end)) {
            return add_reason(&reader->verdict.errors, "page %u: cell %u overlaps", (unsigned)page->number, (unsigned)i);
        }
    }
    return true;
}

/* Use the free blocks, which are a list in the order of their places. */
static bool use_free_blocks(Reader *reader, const Page *page, uint32_t content, Spans *spans) {
    uint32_t usable = reader->file.usable, least = content;
    for (uint32_t at = big_u16(page->bytes + page->header + 1); at != 0; at = big_u16(page->bytes + at)) {
        if (at < least || at > usable - SMALLEST_SPAN) {
            return add_reason(&reader->verdict.errors, "page %u: a free block is at a wrong place", (unsigned)page->number);
        }
        uint32_t end = at + big_u16(page->bytes + at + 2);
        if (end < at + SMALLEST_SPAN || end > usable || !use_span(spans, at, end)) {
            return add_reason(&reader->verdict.errors, "page %u: a free block is malformed", (unsigned)page->number);
        }
        least = end + SMALLEST_SPAN; /* SQLite joins blocks that are closer */
    }
    return true;
}

/* Prove that cells, free blocks and fragments fill a page exactly. */
bool prove_page(Reader *reader, Page *page, bool is_index, bool is_root) {
    page->header = page->number == 1 ? HEADER_BYTES : 0;
    const uint8_t *header = page->bytes + page->header;
    page->is_index = is_index;
    page->is_leaf = header[0] == (is_index ? INDEX_LEAF : TABLE_LEAF);
    if (!page->is_leaf && header[0] != (is_index ? INDEX_INTERIOR : TABLE_INTERIOR)) {
        return add_reason(&reader->verdict.errors, "page %u is of another type", (unsigned)page->number);
    }
    page->cell_count = big_u16(header + 3);
    page->pointers = page->header + (page->is_leaf ? 8 : 12);
    page->right_child = page->is_leaf ? 0 : big_u32(header + 8);
    uint32_t content = big_u16(header + 5) ? big_u16(header + 5) : 65536;
    if (content > reader->file.usable || page->pointers + 2 * page->cell_count > content) {
        return add_reason(&reader->verdict.errors, "page %u: cells overlap their pointers", (unsigned)page->number);
    }
    if (page->cell_count == 0 && !(is_root && (page->is_leaf || page->number == 1))) {
        return add_reason(&reader->verdict.errors, "page %u has no cell", (unsigned)page->number);
    }
    Spans spans;
    memset(spans.words, 0, (reader->file.usable + 63) / 64 * sizeof spans.words[0]);
    spans.bytes = 0;
    if (!use_cells(reader, page, content, &spans) || !use_free_blocks(reader, page, content, &spans)) {
        return false;
    }
    if (content + spans.bytes + header[7] != reader->file.usable) {
        return add_reason(&reader->verdict.errors, "page %u has another number of fragmented bytes", (unsigned)page->number);
    }
    return true;
}
