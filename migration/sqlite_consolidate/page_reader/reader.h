/* Types and functions of the page reader.

The page reader reads the pages of one SQLite database file without SQLite. It proves the structure of the file and the
content of its indexes, and computes digest format 1 of its tables. Terms are those of the file format's document,
https://www.sqlite.org/fileformat2.html; section numbers in comments are sections of it.

It accepts only what it knows. A fact that SQLite would have to judge is a reason to decline, and never a guess. */
#ifndef PAGE_READER_H
#define PAGE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { MOST_LEVELS = 20, MOST_REASONS = 20, REASON_LENGTH = 160, HEADER_BYTES = 100, PAGES_AHEAD = 16 };
enum { MOST_MESSAGES = 2 }; /* that are hashed together */

/* A record above this size is left to SQLite, so that memory has a limit. */
#define MOST_RECORD_BYTES ((uint64_t)64 << 20)

/* ---- bytes.c: memory ---- */

typedef struct Bytes {
    uint8_t *at;
    size_t length, room;
} Bytes;

void *allocate(size_t count, size_t size);
void grow_bytes(Bytes *bytes, size_t more);

typedef struct Reader Reader;

/* ---- reasons.c: why the answer is not yes ---- */

typedef struct Reasons {
    int count;
    char text[MOST_REASONS][REASON_LENGTH];
} Reasons;

typedef struct Verdict {
    Reasons errors;     /* the file breaks a rule */
    Reasons declined;   /* only SQLite can judge a rule, the digests are right */
    Reasons unreadable; /* only SQLite can read the rows */
} Verdict;

bool add_reason(Reasons *reasons, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- keyed_sums.c: sums of keyed hashes ---- */

typedef struct Sum {
    uint64_t count, part[2];
} Sum;

typedef struct SumKey {
    uint64_t half[2];
} SumKey;

bool draw_key(SumKey *key);
void add_hash(Sum *sum, const SumKey *key, const uint8_t *message, size_t length);
void expand_key(const SumKey *key, uint64_t *words, size_t count);
void add_page_hash(Sum *sum, const SumKey *key, const uint64_t *words, uint32_t number, const uint8_t *bytes, uint32_t length);
bool same_sum(const Sum *left, const Sum *right);
void move_sum(Sum *to, Sum *from);

/* ---- request.c: what SQLite says about the schema ---- */

typedef enum Collation { BINARY, NOCASE, RTRIM } Collation;

enum { ROWID_TERM = -1 };

typedef struct Column {
    char affinity; /* as SQLite's sources write it: A blob, B text, C numeric, D integer, E real */
    char strict;   /* I integer, R real, T text, B blob, A any; - in a table that is not STRICT */
    bool not_null, default_is_null;
} Column;

typedef struct Term {
    int column; /* place in the record of the table, or ROWID_TERM */
    bool descending, is_real; /* is_real: SQLite reads an integer of the column as a real */
    Collation collation;
} Term;

typedef struct Index {
    uint32_t root;
    bool unique;
    int key_count, term_count;
    Term *terms;
    Sum of_entries, of_rows;
} Index;

/* INSERT statements of the rows of a table, where the request has columns for them. */
typedef struct Statement {
    Bytes head, text; /* what is before the first row of each, and the current one */
    int column_count, *columns; /* places in the record, or ROWID_TERM */
    uint64_t most_rows, most_characters, rows, characters;
} Statement;

/* A value of a row that is digested. An integer that is not below a limit gets an offset, as a new key does. */
typedef struct Digested {
    int column; /* place in the record, or ROWID_TERM */
    int64_t offset, least;
} Digested;

/* Values of each row of a table, and the digest of them. */
typedef struct Digest {
    int value_count, waiting;
    Digested *values;
    Bytes messages[MOST_MESSAGES]; /* of rows that are not hashed yet */
    uint64_t sum[4];
} Digest;

typedef struct Table {
    uint32_t root;
    bool without_rowid;
    int column_count, digest_count, index_count, alias; /* alias: column that is the rowid, or -1 */
    Column *columns;
    Digest *digests;
    Index key; /* the primary key of a table without rowid, whose b-tree holds the rows */
    Index *indexes;
    Statement statement;
    uint64_t rows;
} Table;

/* ---- page_sum.c: the pages that were proved, by which a file is known again ---- */

typedef struct PageSum {
    SumKey key;
    uint64_t *words; /* of the expanded key, as many as a page has */
    Sum sum;
} PageSum;

bool start_pages(Reader *reader);
void add_page(Reader *reader, uint32_t number, const uint8_t *bytes);
bool has_same_pages(Reader *reader);
bool read_page_sum(const char *line, PageSum *pages);
void print_page_sum(const PageSum *pages);

typedef struct Request {
    uint64_t device, inode;
    uint32_t page_count; /* of an open transaction, whose page 1 is not in the file yet; 0 if there is none */
    int table_count, opaque_count;
    bool is_part; /* other tables have pages as well */
    bool has_pages; /* all pages but those of the schema and the free list were proved before */
    PageSum pages;
    Table *tables;
    uint32_t *opaque; /* roots of indexes that only SQLite can compare with their rows */
} Request;

bool read_request(FILE *input, Request *request);
bool sums_pages(const Request *request);
void free_request(Request *request);

/* ---- file.c: the bytes of the file ---- */

typedef struct File {
    int descriptor;
    uint32_t page_size, usable, page_count, lock_page, next_page, ahead_first, ahead_count;
    int encoding; /* 1 UTF-8, 2 UTF-16le, 3 UTF-16be */
    uint8_t header[HEADER_BYTES];
    uint8_t *ahead; /* pages that were read in advance */
} File;

bool open_file(File *file, const char *path, const Request *request, Verdict *verdict);
bool read_page(File *file, uint32_t page, uint8_t *into, Verdict *verdict);
void close_file(File *file);

/* ---- accounting.c: each page has one use ---- */

typedef struct Accounting {
    uint8_t *used; /* a bit for each page */
    uint8_t *map_page;
    uint32_t map_number;
} Accounting;

typedef enum Use { ROOT_PAGE = 1, FREE_PAGE = 2, FIRST_OVERFLOW = 3, OVERFLOW_PAGE = 4, TREE_PAGE = 5 } Use;

void start_accounting(Reader *reader);
bool use_page(Reader *reader, uint32_t page, Use use, uint32_t parent);
bool prove_accounting(Reader *reader, uint32_t largest_root);

/* ---- record.c: the values of a record ---- */

typedef enum Type { NULL_VALUE, INTEGER_VALUE, REAL_VALUE, TEXT_VALUE, BLOB_VALUE } Type;

typedef struct Value {
    Type type;
    uint32_t length;
    int64_t integer;
    double real;
    const uint8_t *bytes;
} Value;

int read_record(const uint8_t *record, size_t length, Value *values, int most);

/* ---- order.c: the order of keys ---- */

int compare_entries(const Index *index, const Value *left, const Value *right, int terms);
bool has_null_in_key(const Index *index, const Value *values);

/* ---- index_sums.c: each index against its rows ---- */

void add_row_to_indexes(Reader *reader, Table *table, const Value *values, int64_t rowid);
void add_entry(Reader *reader, Index *index, const Value *values);

/* ---- constraints.c: NOT NULL, STRICT and affinity ---- */

bool prove_constraints(Reader *reader, const Table *table, const Value *values, uint32_t page);

/* ---- digest.c: digest format 1 ---- */

bool add_row_to_digests(Reader *reader, Table *table, const Value *values, int64_t rowid);
void end_digests(Table *table);
Digest *empty_digests(const Table *table);
void add_digests(Table *table, const Table *other);
void free_digests(Table *table);

/* ---- text.c: UTF-8 and UTF-16 ---- */

size_t sequence_length(const uint8_t *at, size_t length);
size_t valid_length(const uint8_t *at, size_t length);
bool convert_text(Bytes *text, const Value *value, bool is_big);

/* ---- reals.c: reals as SQL ---- */

void append_real_literal(Bytes *text, double real);

/* ---- statements.c: rows as INSERT statements ---- */

void add_row_to_statement(Reader *reader, Table *table, const Value *values, int64_t rowid);
void end_statement(Statement *statement);

/* ---- sha256.c ---- */

void prepare_hashes(void);
void hash_and_add(Bytes *messages, int message_count, uint64_t sum[4]);
void add_to_sum(uint64_t sum[4], const uint64_t number[4]);

/* ---- cells.c: the cells of one page ---- */

typedef struct Cell {
    const uint8_t *payload;
    uint32_t left_child, local, first_overflow;
    uint64_t length;
    int64_t rowid;
} Cell;

typedef struct Page {
    uint8_t *bytes;
    uint32_t number, header, cell_count, pointers, right_child;
    bool is_leaf, is_index;
} Page;

bool prove_page(Reader *reader, Page *page, bool is_index, bool is_root);
bool read_cell(const Reader *reader, const Page *page, uint32_t number, Cell *cell);

/* ---- tree.c: a b-tree and its rows or entries ---- */

struct Reader {
    File file;
    Accounting accounting;
    Verdict verdict;
    Request request;
    SumKey key;
    PageSum pages;
    Reader *second; /* which proves the second half of each b-tree, or NULL */
    Bytes record, first, previous, text, hashed;
    uint8_t *overflow_page, *levels[MOST_LEVELS];
    Value *values, *previous_values;
    uint32_t pages_read;
    bool is_summing; /* the pages of this b-tree */
};

void end_with_parent(Reader *reader);
bool prove_table(Reader *reader, int number);
bool prove_index(Reader *reader, int table, int number);
bool prove_opaque_index(Reader *reader, uint32_t root);

/* ---- halves.c: two readers of one file ---- */

typedef bool Prove(void *subject);

void start_second(Reader *reader);
bool prove_both(Prove *prove, void *first, void *second);
void add_rows_of_second(Reader *reader, int number);
void add_entries_of_second(Reader *reader, int table, int number);
bool add_pages_of_second(Reader *reader);
void end_second(Reader *reader);

/* ---- proof.c: one file from beginning to end ---- */

bool prove_file(Reader *reader, const char *path);
void print_answer(Reader *reader);
void allocate_buffers(Reader *reader);
void free_buffers(Reader *reader);
void free_reader(Reader *reader);

#endif
