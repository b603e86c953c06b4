/* One file from beginning to end: its trees, its accounting, and the answer. */
#include "reader.h"

#include <inttypes.h>
#include <stdlib.h>

static int largest_record(const Request *request) {
    int most = 1;
    for (int i = 0; i < request->table_count; i++) {
        const Table *table = &request->tables[i];
        most = table->column_count > most ? table->column_count : most;
        for (int j = 0; j < table->index_count; j++) {
            most = table->indexes[j].term_count > most ? table->indexes[j].term_count : most;
        }
    }
    return most;
}

static bool has_only_binary_terms(const Index *index) {
    for (int i = 0; i < index->term_count; i++) {
        if (index->terms[i].collation != BINARY) {
            return false;
        }
    }
    return true;
}

/* Return whether keys can be compared as the file stores them. NOCASE and RTRIM compare UTF-8. */
static bool has_comparable_keys(const Request *request, int encoding) {
    if (encoding == 1) {
        return true;
    }
    for (int i = 0; i < request->table_count; i++) {
        const Table *table = &request->tables[i];
        for (int j = 0; j < table->index_count; j++) {
            if (!has_only_binary_terms(&table->indexes[j])) {
                return false;
            }
        }
        if (!has_only_binary_terms(&table->key)) {
            return false;
        }
    }
    return true;
}

static uint32_t larger(uint32_t left, uint32_t right) {
    return left > right ? left : right;
}

static bool prove_trees(Reader *reader, uint32_t *largest_root) {
    const Request *request = &reader->request;
    for (int i = 0; i < request->table_count; i++) {
        const Table *table = &request->tables[i];
        if (!prove_table(reader, i)) {
            return false;
        }
        *largest_root = larger(*largest_root, table->root);
        for (int j = 0; j < table->index_count; j++) {
            if (!prove_index(reader, i, j)) {
                return false;
            }
            *largest_root = larger(*largest_root, table->indexes[j].root);
        }
    }
    for (int i = 0; i < request->opaque_count; i++) {
        if (!prove_opaque_index(reader, request->opaque[i])) {
            return false;
        }
        *largest_root = larger(*largest_root, request->opaque[i]);
    }
    return true;
}

/* Allocate what a reader needs for one file that is open. */
void allocate_buffers(Reader *reader) {
    size_t most_values = (size_t)largest_record(&reader->request);
    reader->file.ahead = allocate(PAGES_AHEAD, reader->file.page_size);
    reader->values = allocate(most_values, sizeof(Value));
    reader->previous_values = allocate(most_values, sizeof(Value));
    reader->overflow_page = allocate(1, reader->file.page_size);
    start_accounting(reader);
}

static bool prove_open_file(Reader *reader) {
    uint32_t largest_root = 0;
    if (!prove_trees(reader, &largest_root) || !add_pages_of_second(reader)) {
        return false;
    }
    /* Page 1, where the schema and the free list begin, is written by COMMIT. Until then SQLite accounts for them. */
    const bool is_whole = !reader->request.is_part && reader->request.page_count == 0;
    return !is_whole || prove_accounting(reader, largest_root);
}

/* Prove the file that the request describes. Returns false if the answer is not yes. */
bool prove_file(Reader *reader, const char *path) {
    if (!open_file(&reader->file, path, &reader->request, &reader->verdict)) {
        return false;
    }
    if (!has_comparable_keys(&reader->request, reader->file.encoding)) {
        return add_reason(&reader->verdict.unreadable, "a collation compares UTF-8, and the text is UTF-16");
    }
    if (!draw_key(&reader->key) || !start_pages(reader)) {
        return add_reason(&reader->verdict.unreadable, "no random key can be drawn");
    }
    prepare_hashes();
    allocate_buffers(reader);
    start_second(reader);
    bool is_proved = prove_open_file(reader);
    end_second(reader);
    if (!is_proved && reader->verdict.errors.count + reader->verdict.unreadable.count == 0) {
        add_reason(&reader->verdict.unreadable, "the file was not proved to its end");
    }
    return is_proved;
}

static void print_reasons(const char *kind, const Reasons *reasons) {
    for (int i = 0; i < reasons->count; i++) {
        printf("%s %s\n", kind, reasons->text[i]);
    }
}

void print_answer(Reader *reader) {
    const Verdict *verdict = &reader->verdict;
    for (int i = 0; i < reader->request.table_count; i++) {
        const Table *table = &reader->request.tables[i];
        printf("table %" PRIu64 "\n", table->rows);
        for (int j = 0; j < table->digest_count; j++) {
            const uint64_t *sum = table->digests[j].sum;
            printf("digest %016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "\n", sum[3], sum[2], sum[1], sum[0]);
        }
    }
    if (sums_pages(&reader->request) && verdict->errors.count + verdict->unreadable.count == 0) {
        print_page_sum(&reader->pages);
    }
    print_reasons("error", &verdict->errors);
    print_reasons("declined", &verdict->declined);
    print_reasons("unreadable", &verdict->unreadable);
    printf("end\n");
    fflush(stdout);
}

void free_buffers(Reader *reader) {
    Bytes *buffers[] = {&reader->record, &reader->first, &reader->previous, &reader->text, &reader->hashed};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        free(buffers[i]->at);
    }
    for (int i = 0; i < MOST_LEVELS; i++) {
        free(reader->levels[i]);
    }
    free(reader->values);
    free(reader->previous_values);
    free(reader->overflow_page);
    free(reader->accounting.used);
    free(reader->accounting.map_page);
    free(reader->file.ahead);
}

void free_reader(Reader *reader) {
    close_file(&reader->file);
    free_request(&reader->request);
    free_buffers(reader);
    free(reader->pages.words);
}
