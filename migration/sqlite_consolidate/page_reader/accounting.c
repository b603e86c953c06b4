/* Each page has one use: a b-tree, an overflow chain, the free list, the pointer map or the lock bytes.

Free list: section 1.5. Pointer map, in a file that can shrink: section 1.8. Lock-byte page: section 1.4. */
#include "bytes.h"

static bool has_pointer_map(const File *file) {
    return big_u32(file->header + 52) != 0;
}

void start_accounting(Reader *reader) {
    reader->accounting.used = allocate((size_t)reader->file.page_count / 8 + 1, 1);
    reader->accounting.map_page = allocate(1, reader->file.page_size);
    reader->accounting.used[0] = reader->request.page_count > 0 ? 1 << 1 : 0; /* page 1 of an open transaction */
}

static bool is_used(const Reader *reader, uint32_t page) {
    return reader->accounting.used[page / 8] >> (page % 8) & 1;
}

/* Return the page of the pointer map that has the entry of a page. */
static uint32_t map_page_of(const File *file, uint32_t page) {
    uint32_t entries = file->usable / 5;
    uint32_t map = (page - 2) / (entries + 1) * (entries + 1) + 2;
    return map == file->lock_page ? map + 1 : map;
}

static bool is_map_page(const File *file, uint32_t page) {
    return has_pointer_map(file) && page >= 2 && map_page_of(file, page) == page;
}

static bool prove_map_entry(Reader *reader, uint32_t page, Use use, uint32_t parent) {
    Accounting *accounting = &reader->accounting;
    uint32_t map = map_page_of(&reader->file, page);
    if (page <= map || 5 * (page - map) > reader->file.usable) {
        return add_reason(&reader->verdict.errors, "page %u has no entry in the pointer map", (unsigned)page);
    }
    if (accounting->map_number != map) {
        uint32_t next = reader->file.next_page;
        if (!read_page(&reader->file, map, accounting->map_page, &reader->verdict)) {
            return false;
        }
        reader->file.next_page = next;
        accounting->map_number = map;
    }
    const uint8_t *entry = accounting->map_page + 5 * (page - map - 1);
    if (entry[0] != use || big_u32(entry + 1) != parent) {
        return add_reason(&reader->verdict.errors, "the pointer map has another use for page %u", (unsigned)page);
    }
    return true;
}

/* Record the use of a page, which must be its only one. */
bool use_page(Reader *reader, uint32_t page, Use use, uint32_t parent) {
    if (page < 1 || page > reader->file.page_count) {
        return add_reason(&reader->verdict.errors, "page %u is outside the file", (unsigned)page);
    }
    if (is_used(reader, page)) {
        return add_reason(&reader->verdict.errors, "page %u is used twice", (unsigned)page);
    }
    if (page == reader->file.lock_page || is_map_page(&reader->file, page)) {
        return add_reason(&reader->verdict.errors, "page %u can have no content", (unsigned)page);
    }
    reader->accounting.used[page / 8] |= (uint8_t)(1 << page % 8);
    if (page == 1 || !has_pointer_map(&reader->file)) {
        return true;
    }
    return prove_map_entry(reader, page, use, parent);
}

static bool prove_free_list(Reader *reader) {
    const File *file = &reader->file;
    uint8_t *trunk = reader->overflow_page;
    uint64_t count = 0;
    for (uint32_t page = big_u32(file->header + 32); page != 0; page = big_u32(trunk)) {
        if (!use_page(reader, page, FREE_PAGE, 0) || !read_page(&reader->file, page, trunk, &reader->verdict)) {
            return false;
        }
        uint32_t leaves = big_u32(trunk + 4);
        if (leaves > file->usable / 4 - 2) {
            return add_reason(&reader->verdict.errors, "free list page %u has too many leaves", (unsigned)page);
        }
        for (uint32_t i = 0; i < leaves; i++) {
            if (!use_page(reader, big_u32(trunk + 8 + 4 * i), FREE_PAGE, 0)) {
                return false;
            }
        }
        count += 1 + leaves;
    }
    if (count != big_u32(file->header + 36)) {
        return add_reason(&reader->verdict.errors, "the header states another number of free pages");
    }
    return true;
}

/* Pages of which one reader adds those without a use. */
typedef struct Range {
    Reader *reader;
    const Reader *whole;
    uint32_t first, last;
} Range;

static bool add_unused_pages(void *argument) {
    const Range *range = argument;
    Reader *reader = range->reader;
    for (uint32_t page = range->first; page <= range->last; page++) {
        if (is_used(range->whole, page) || page == reader->file.lock_page) {
            continue;
        }
        end_with_parent(reader);
        if (!read_page(&reader->file, page, reader->overflow_page, &reader->verdict)) {
            return false;
        }
        add_page(reader, page, reader->overflow_page);
    }
    return true;
}

/* Prove that all pages without a use yet are those that were proved before. */
static bool prove_known_pages(Reader *reader) {
    const File *file = &reader->file;
    if (has_pointer_map(file)) {
        return add_reason(&reader->verdict.unreadable, "the pages of a pointer map were not proved before");
    }
    if (reader->second == NULL) {
        return add_reason(&reader->verdict.unreadable, "statements of rows are asked for together with known pages");
    }
    const uint32_t middle = file->page_count / 2;
    Range first = {reader, reader, 1, middle}, second = {reader->second, reader, middle + 1, file->page_count};
    if (!prove_both(add_unused_pages, &first, &second)) {
        return false;
    }
    move_sum(&reader->pages.sum, &reader->second->pages.sum);
    return has_same_pages(reader) || add_reason(&reader->verdict.errors, "the pages are others than those that were proved");
}

/* Prove the free list, and that no page is left over. */
bool prove_accounting(Reader *reader, uint32_t largest_root) {
    const File *file = &reader->file;
    uint32_t stated = big_u32(file->header + 52);
    if (!prove_free_list(reader) || (reader->request.has_pages && !prove_known_pages(reader))) {
        return false;
    }
    if (stated != 0 ? stated != largest_root : big_u32(file->header + 64) != 0) {
        return add_reason(&reader->verdict.errors, "the header states another largest root page");
    }
    if (reader->request.has_pages) {
        return true;
    }
    for (uint32_t page = 1; page <= file->page_count; page++) {
        if (!is_used(reader, page) && page != file->lock_page && !is_map_page(file, page)) {
            return add_reason(&reader->verdict.errors, "page %u is never used", (unsigned)page);
        }
    }
    return true;
}
