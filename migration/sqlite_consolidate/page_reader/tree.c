/* A b-tree (section 1.6): its pages, the order of its keys, and its rows or entries. */
#include "bytes.h"

#include <poll.h>
#include <unistd.h>

enum { PAGES_BETWEEN_LOOKS = 4096 };

/* End this process if its parent has ended, which closes the standard input. */
void end_with_parent(Reader *reader) {
    struct pollfd input = {.fd = STDIN_FILENO};
    if (++reader->pages_read % PAGES_BETWEEN_LOOKS == 0 && poll(&input, 1, 0) == 1 && (input.revents & (POLLHUP | POLLERR))) {
        _exit(5);
    }
}

/* One walk through a b-tree, or through the first or second half of the children of its root.

table: whose rows it holds, or NULL. index: whose entries it holds, or NULL. Both for a table without rowid, neither for
an index that only SQLite can compare. */
typedef struct Walk {
    Reader *reader;
    Table *table;
    Index *index;
    uint32_t root;
    bool is_index, has_rowid, has_previous, is_first_half, is_second_half;
    int leaf_depth; /* -1 until the first leaf */
    int64_t first_rowid, rowid; /* of the first and the last cell */
} Walk;

static void add_page_of_tree(Reader *reader, uint32_t number, const uint8_t *bytes) {
    if (reader->is_summing) {
        add_page(reader, number, bytes);
    }
}

/* Return the payload of a cell, from its overflow pages as well. NULL if the chain is broken. */
static const uint8_t *whole_payload(Reader *reader, const Page *page, const Cell *cell) {
    if (cell->first_overflow == 0 && cell->length == cell->local) {
        return cell->payload;
    }
    if (cell->length > MOST_RECORD_BYTES) {
        add_reason(&reader->verdict.unreadable, "a record of %llu bytes is too large", (unsigned long long)cell->length);
        return NULL;
    }
    uint32_t next = cell->first_overflow, parent = page->number, room = reader->file.usable - 4;
    Use use = FIRST_OVERFLOW;
    reader->record.length = 0;
    append(&reader->record, cell->payload, cell->local);
    for (uint64_t left = cell->length - cell->local; left > 0;) {
        if (!use_page(reader, next, use, parent) || !read_page(&reader->file, next, reader->overflow_page, &reader->verdict)) {
            return NULL;
        }
        add_page_of_tree(reader, next, reader->overflow_page);
        uint32_t part = left < room ? (uint32_t)left : room;
        append(&reader->record, reader->overflow_page + 4, part);
        parent = next;
        next = big_u32(reader->overflow_page);
        use = OVERFLOW_PAGE;
        left -= part;
    }
    if (next != 0) {
        add_reason(&reader->verdict.errors, "the overflow chain of page %u is too long", (unsigned)page->number);
        return NULL;
    }
    return reader->record.at;
}

/* Add the values that a record lacks because ALTER TABLE added their columns later. */
static bool complete_record(Reader *reader, const Table *table, int count) {
    for (int i = count; i < table->column_count; i++) {
        if (!table->columns[i].default_is_null) {
            return add_reason(&reader->verdict.unreadable, "a record is older than a column with a default");
        }
        reader->values[i].type = NULL_VALUE;
    }
    return true;
}

/* Prove and count one row. Its values are those of the reader. */
static bool prove_row(Walk *walk, int count, uint32_t page) {
    Reader *reader = walk->reader;
    Table *table = walk->table;
    if (count < 0 || (table->without_rowid && count < table->key.key_count)) {
        return add_reason(&reader->verdict.errors, "a record on page %u is malformed", (unsigned)page);
    }
    if (!complete_record(reader, table, count)) {
        return false;
    }
    if (table->alias >= 0) {
        reader->values[table->alias] = (Value){.type = INTEGER_VALUE, .integer = walk->rowid};
    }
    table->rows++;
    add_row_to_indexes(reader, table, reader->values, walk->rowid);
    if (!prove_constraints(reader, table, reader->values, page)) {
        return false;
    }
    add_row_to_statement(reader, table, reader->values, walk->rowid);
    return add_row_to_digests(reader, table, reader->values, walk->rowid);
}

/* Keep an entry, so that the next one can be compared with it. */
static void keep_entry(Reader *reader, const uint8_t *payload, size_t length, int count) {
    Value *before = reader->previous_values;
    reader->previous.length = 0;
    append(&reader->previous, payload, length);
    for (int i = 0; i < count; i++) {
        before[i] = reader->values[i];
        if (before[i].type == TEXT_VALUE || before[i].type == BLOB_VALUE) {
            before[i].bytes = reader->previous.at + (reader->values[i].bytes - payload);
        }
    }
}

/* Prove that an entry comes after the one before, and that a UNIQUE index has no two of a key. */
static bool prove_order(Walk *walk, uint32_t page) {
    Reader *reader = walk->reader;
    const Index *index = walk->index;
    int order = compare_entries(index, reader->previous_values, reader->values, index->key_count);
    if (order == 0 && index->unique && !has_null_in_key(index, reader->values)) {
        return add_reason(&reader->verdict.errors, "page %u: two entries of a UNIQUE index are equal", (unsigned)page);
    }
    int terms = walk->table ? index->key_count : index->term_count; /* the rest of a row is no key */
    if (order > 0 || (order == 0 && compare_entries(index, reader->previous_values, reader->values, terms) >= 0)) {
        return add_reason(&reader->verdict.errors, "page %u: entries are out of order", (unsigned)page);
    }
    return true;
}

static bool prove_entry(Walk *walk, const Page *page, const Cell *cell) {
    Reader *reader = walk->reader;
    Index *index = walk->index;
    const uint8_t *payload = whole_payload(reader, page, cell);
    if (payload == NULL || index == NULL) {
        return payload != NULL;
    }
    int most = walk->table ? walk->table->column_count : index->term_count;
    int count = read_record(payload, (size_t)cell->length, reader->values, most);
    if (count < (walk->table ? index->key_count : index->term_count)) {
        return add_reason(&reader->verdict.errors, "an entry on page %u is malformed", (unsigned)page->number);
    }
    if (index->terms[index->term_count - 1].column == ROWID_TERM && reader->values[index->term_count - 1].type != INTEGER_VALUE) {
        return add_reason(&reader->verdict.errors, "an entry on page %u has no rowid", (unsigned)page->number);
    }
    if (walk->has_previous && !prove_order(walk, page->number)) {
        return false;
    }
    if (walk->is_second_half && !walk->has_previous) {
        append(&reader->first, payload, (size_t)cell->length);
    }
    keep_entry(reader, payload, (size_t)cell->length, walk->table ? index->key_count : count);
    walk->has_previous = true;
    if (walk->table) {
        return prove_row(walk, count, page->number);
    }
    add_entry(reader, index, reader->values);
    return true;
}

/* Prove a rowid. That of an interior page may be that of the last row on its left. */
static bool prove_rowid(Walk *walk, const Page *page, int64_t rowid) {
    bool is_after = !walk->has_rowid || (page->is_leaf ? rowid > walk->rowid : rowid >= walk->rowid);
    if (!is_after) {
        return add_reason(&walk->reader->verdict.errors, "page %u: rowids are out of order", (unsigned)page->number);
    }
    if (!walk->has_rowid) {
        walk->first_rowid = rowid;
    }
    walk->rowid = rowid;
    walk->has_rowid = true;
    return true;
}

static bool prove_cell(Walk *walk, const Page *page, const Cell *cell) {
    Reader *reader = walk->reader;
    if (walk->is_index) {
        return prove_entry(walk, page, cell);
    }
    if (!prove_rowid(walk, page, cell->rowid)) {
        return false;
    }
    if (!page->is_leaf) {
        return true;
    }
    const uint8_t *payload = whole_payload(reader, page, cell);
    return payload != NULL &&
           prove_row(walk, read_record(payload, (size_t)cell->length, reader->values, walk->table->column_count), page->number);
}

static bool prove_leaf_depth(Walk *walk, const Page *page, int depth) {
    if (walk->leaf_depth < 0) {
        walk->leaf_depth = depth;
    }
    return walk->leaf_depth == depth || add_reason(&walk->reader->verdict.errors, "page %u is a leaf at another depth", (unsigned)page->number);
}

/* Read and prove a page. The second half leaves the accounting for the root to the first one. */
static bool enter_page(Walk *walk, Page *page, uint32_t parent) {
    Reader *reader = walk->reader;
    bool is_counted = parent != 0 || !walk->is_second_half;
    end_with_parent(reader);
    if ((is_counted && !use_page(reader, page->number, parent ? TREE_PAGE : ROOT_PAGE, parent)) ||
        !read_page(&reader->file, page->number, page->bytes, &reader->verdict) || !prove_page(reader, page, walk->is_index, parent == 0)) {
        return false;
    }
    if (is_counted) {
        add_page_of_tree(reader, page->number, page->bytes);
    }
    return true;
}

static bool prove_subtree(Walk *walk, uint32_t number, uint32_t parent, int depth);

/* Prove some children of an interior page, and the cell behind each. The last child has none. */
static bool prove_children(Walk *walk, const Page *page, uint32_t first, uint32_t end, int depth) {
    for (uint32_t i = first; i < end; i++) {
        Cell cell;
        if (i == page->cell_count) {
            return prove_subtree(walk, page->right_child, page->number, depth + 1);
        }
        if (!read_cell(walk->reader, page, i, &cell) || !prove_subtree(walk, cell.left_child, page->number, depth + 1) ||
            !prove_cell(walk, page, &cell)) {
            return false;
        }
    }
    return true;
}

static bool prove_leaf(Walk *walk, const Page *page, int depth) {
    if (!prove_leaf_depth(walk, page, depth)) {
        return false;
    }
    for (uint32_t i = 0; i < page->cell_count; i++) {
        Cell cell;
        if (!read_cell(walk->reader, page, i, &cell) || !prove_cell(walk, page, &cell)) {
            return false;
        }
    }
    return true;
}

/* Prove a page and all below it, in the order of keys. */
static bool prove_subtree(Walk *walk, uint32_t number, uint32_t parent, int depth) {
    Reader *reader = walk->reader;
    if (depth >= MOST_LEVELS) {
        return add_reason(&reader->verdict.errors, "the b-tree of page %u is too deep", (unsigned)number);
    }
    if (reader->levels[depth] == NULL) {
        reader->levels[depth] = allocate(1, reader->file.page_size);
    }
    Page page = {.bytes = reader->levels[depth], .number = number};
    if (!enter_page(walk, &page, parent)) {
        return false;
    }
    if (page.is_leaf) { /* a root that is a leaf has no second half */
        return (parent == 0 && walk->is_second_half) || prove_leaf(walk, &page, depth);
    }
    uint32_t first = 0, end = page.cell_count + 1, middle = end / 2;
    if (parent == 0 && walk->is_first_half) {
        end = middle;
    } else if (parent == 0 && walk->is_second_half) {
        first = middle;
    }
    return prove_children(walk, &page, first, end, depth);
}

/* Prove a walk. The schema, whose root is page 1, is described in each request. */
static bool prove_walk(void *argument) {
    Walk *walk = argument;
    walk->reader->is_summing = sums_pages(&walk->reader->request) && walk->root != 1;
    return prove_subtree(walk, walk->root, 0, 0);
}

/* Prove that the second half of a b-tree goes on where the first half ends. */
static bool prove_seam(Walk *first, const Walk *second) {
    Reader *reader = first->reader;
    const Bytes *entry = &second->reader->first;
    if (second->leaf_depth >= 0 && first->leaf_depth >= 0 && second->leaf_depth != first->leaf_depth) {
        return add_reason(&reader->verdict.errors, "the b-tree of page %u has leaves at other depths", (unsigned)first->root);
    }
    if (first->has_rowid && second->has_rowid && second->first_rowid <= first->rowid) {
        return add_reason(&reader->verdict.errors, "page %u: rowids are out of order", (unsigned)first->root);
    }
    if (!first->has_previous || !second->has_previous) {
        return true;
    }
    int most = first->table ? first->table->column_count : first->index->term_count;
    if (read_record(entry->at, entry->length, reader->values, most) < 0) {
        return add_reason(&reader->verdict.errors, "an entry below page %u is malformed", (unsigned)first->root);
    }
    return prove_order(first, first->root);
}

/* Prove a b-tree, or each half of it by a reader of its own if there is a second reader. */
static bool prove_tree(Walk first, Walk second) {
    if (second.reader == NULL) {
        return prove_walk(&first);
    }
    first.is_first_half = true;
    second.is_second_half = true;
    second.reader->first.length = 0;
    return prove_both(prove_walk, &first, &second) && prove_seam(&first, &second);
}

static Walk walk_of_table(Reader *reader, int number) {
    Walk walk = {.reader = reader, .leaf_depth = -1};
    if (reader != NULL) {
        Table *table = &reader->request.tables[number];
        walk.table = table;
        walk.root = table->root;
        walk.is_index = table->without_rowid;
        walk.index = table->without_rowid ? &table->key : NULL;
    }
    return walk;
}

static Walk walk_of_index(Reader *reader, int table, int number) {
    Walk walk = {.reader = reader, .is_index = true, .leaf_depth = -1};
    if (reader != NULL) {
        walk.index = &reader->request.tables[table].indexes[number];
        walk.root = walk.index->root;
    }
    return walk;
}

/* Prove the rows of a table of the request. */
bool prove_table(Reader *reader, int number) {
    if (!prove_tree(walk_of_table(reader, number), walk_of_table(reader->second, number))) {
        return false;
    }
    end_statement(&reader->request.tables[number].statement);
    end_digests(&reader->request.tables[number]);
    add_rows_of_second(reader, number);
    return true;
}

/* Prove an index. Its table was proved before. */
bool prove_index(Reader *reader, int table, int number) {
    if (!prove_tree(walk_of_index(reader, table, number), walk_of_index(reader->second, table, number))) {
        return false;
    }
    add_entries_of_second(reader, table, number);
    const Index *index = &reader->request.tables[table].indexes[number];
    if (reader->request.tables[table].rows != index->of_entries.count) {
        return add_reason(&reader->verdict.errors, "the index at page %u has another number of entries than its table has rows",
                          (unsigned)index->root);
    }
    if (!same_sum(&index->of_entries, &index->of_rows)) {
        return add_reason(&reader->verdict.errors, "the index at page %u holds other values than its table", (unsigned)index->root);
    }
    return true;
}

/* Prove the pages of an index that only SQLite can compare with its table. */
bool prove_opaque_index(Reader *reader, uint32_t root) {
    const Walk walk = {.is_index = true, .root = root, .leaf_depth = -1};
    Walk first = walk, second = walk;
    first.reader = reader;
    second.reader = reader->second;
    return prove_tree(first, second);
}
