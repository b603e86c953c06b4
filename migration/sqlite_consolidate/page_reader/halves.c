/* Two readers of one file, each in a thread of its own, which prove a half of each b-tree.

All that is counted is a sum, so the sum of the halves is that of the whole. Each reader has its own buffers, and its own record
of the pages that have a use. A page that both have used is used twice. */
#include "bytes.h"

#include <pthread.h>
#include <stdlib.h>

/* Give a reader a second one, with empty sums. Statements of rows are printed in the order of the rows, by one reader. */
void start_second(Reader *reader) {
    const Request *request = &reader->request;
    for (int i = 0; i < request->table_count; i++) {
        if (request->tables[i].statement.column_count > 0) {
            return;
        }
    }
    Reader *second = allocate(1, sizeof *second);
    second->file = reader->file;
    second->request = *request;
    second->key = reader->key;
    second->pages = (PageSum){.key = reader->pages.key, .words = reader->pages.words};
    second->request.tables = allocate((size_t)request->table_count, sizeof(Table));
    for (int i = 0; i < request->table_count; i++) {
        Table *table = &second->request.tables[i];
        *table = request->tables[i];
        table->digests = empty_digests(&request->tables[i]);
        table->indexes = allocate((size_t)table->index_count, sizeof(Index));
        for (int j = 0; j < table->index_count; j++) {
            table->indexes[j] = request->tables[i].indexes[j];
        }
    }
    allocate_buffers(second);
    reader->second = second;
}

typedef struct Half {
    Prove *prove;
    void *subject;
    bool is_proved;
} Half;

static void *prove_half(void *argument) {
    Half *half = argument;
    half->is_proved = half->prove(half->subject);
    return NULL;
}

/* Prove two halves at the same time, or one after the other where the system has no other thread. */
bool prove_both(Prove *prove, void *first, void *second) {
    Half half = {.prove = prove, .subject = second};
    pthread_t thread;
    bool is_started = pthread_create(&thread, NULL, prove_half, &half) == 0;
    bool is_proved = prove(first);
    if (is_started) {
        pthread_join(thread, NULL);
    } else {
        prove_half(&half);
    }
    return is_proved && half.is_proved;
}

/* Add the rows that the second reader has counted, and the entries that they must have. */
void add_rows_of_second(Reader *reader, int number) {
    if (reader->second == NULL) {
        return;
    }
    Table *table = &reader->request.tables[number], *other = &reader->second->request.tables[number];
    end_digests(other);
    table->rows += other->rows;
    add_digests(table, other);
    for (int i = 0; i < table->index_count; i++) {
        move_sum(&table->indexes[i].of_rows, &other->indexes[i].of_rows);
    }
}

/* Add the entries of an index that the second reader has counted. */
void add_entries_of_second(Reader *reader, int table, int number) {
    if (reader->second != NULL) {
        move_sum(&reader->request.tables[table].indexes[number].of_entries, &reader->second->request.tables[table].indexes[number].of_entries);
    }
}

/* Add the pages that the second reader has used. Returns false if both have used one. */
bool add_pages_of_second(Reader *reader) {
    if (reader->second == NULL) {
        return true;
    }
    move_sum(&reader->pages.sum, &reader->second->pages.sum);
    const uint8_t *other = reader->second->accounting.used;
    uint8_t *used = reader->accounting.used;
    for (uint32_t page = reader->request.page_count > 0 ? 2 : 1; page <= reader->file.page_count; page++) {
        uint8_t bit = (uint8_t)(1 << page % 8);
        if (used[page / 8] & other[page / 8] & bit) {
            return add_reason(&reader->verdict.errors, "page %u is used twice", (unsigned)page);
        }
        used[page / 8] |= other[page / 8] & bit;
    }
    return true;
}

static void add_reasons(Reasons *to, const Reasons *from) {
    for (int i = 0; i < from->count; i++) {
        add_reason(to, "%s", from->text[i]);
    }
}

/* Add what the second reader has to say, and end it. */
void end_second(Reader *reader) {
    Reader *second = reader->second;
    if (second == NULL) {
        return;
    }
    add_reasons(&reader->verdict.errors, &second->verdict.errors);
    add_reasons(&reader->verdict.unreadable, &second->verdict.unreadable);
    if (reader->verdict.declined.count == 0) {
        add_reasons(&reader->verdict.declined, &second->verdict.declined);
    }
    for (int i = 0; i < second->request.table_count; i++) {
        free(second->request.tables[i].indexes);
        free_digests(&second->request.tables[i]);
    }
    free(second->request.tables);
    free_buffers(second);
    free(second);
    reader->second = NULL;
}
