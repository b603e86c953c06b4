/* The bytes of the file: its header and its pages (sections 1.2 and 1.3).

The file is read and never mapped, because a mapped file that another process makes shorter ends this process. */
#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/statfs.h>
#elif defined(__APPLE__)
#include <sys/mount.h>
#endif

/* The lock-byte page holds this byte of the file and nothing of the database (section 1.4). */
#define LOCK_BYTE 0x40000000u

#if defined(__linux__)
/* File systems of this computer. On others the pages of another computer may lag behind. */
static bool is_local(int descriptor) {
    static const uint32_t known[] = {
        0x0000EF53, /* ext2, ext3, ext4 */
        0x58465342, /* xfs */
        0x9123683E, /* btrfs */
        0x01021994, /* tmpfs */
        0x858458F6, /* ramfs */
        0xF2F52010, /* f2fs */
        0x2FC12FC1, /* zfs */
        0x794C7630, /* overlay */
        0xCA451A4E, /* bcachefs */
    };
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((uint32_t)system.f_type == known[i]) {
            return true;
        }
    }
    return false;
}
#elif defined(__APPLE__)
static bool is_local(int descriptor) {
    struct statfs system;
    return fstatfs(descriptor, &system) == 0 && (strcmp(system.f_fstypename, "apfs") == 0 || strcmp(system.f_fstypename, "hfs") == 0);
}
#else
static bool is_local(int descriptor) {
    (void)descriptor;
    return false;
}
#endif

static bool read_exactly(int descriptor, uint8_t *into, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t read = pread(descriptor, into, length, offset);
        if (read < 0 && errno == EINTR) {
            continue;
        }
        if (read <= 0) {
            return false;
        }
        into += read;
        offset += read;
        length -= (size_t)read;
    }
    return true;
}

/* Prove the header. That of an open transaction is from before it, and only the fields count that no transaction changes.
Its number of pages is that of the request. */
static bool prove_header(File *file, uint64_t size, uint32_t pages_of_transaction, Verdict *verdict) {
    const uint8_t *header = file->header;
    if (memcmp(header, "SQLite format 3", 16) != 0) {
        return add_reason(&verdict->errors, "the header string is another");
    }
    file->page_size = big_u16(header + 16) == 1 ? 65536 : big_u16(header + 16);
    if (file->page_size < 512 || (file->page_size & (file->page_size - 1)) != 0) {
        return add_reason(&verdict->errors, "the header states a page size that does not exist");
    }
    file->usable = file->page_size - header[20];
    if (file->usable < 480 || header[21] != 64 || header[22] != 32 || header[23] != 32) {
        return add_reason(&verdict->errors, "the header states payload fractions that do not exist");
    }
    if (header[18] < 1 || header[18] > 2 || header[19] < 1 || header[19] > 2) {
        return add_reason(&verdict->unreadable, "the header states a file format that is not known");
    }
    file->page_count = pages_of_transaction ? pages_of_transaction : big_u32(header + 28);
    if (file->page_count == 0 || size != (uint64_t)file->page_count * file->page_size) {
        return add_reason(&verdict->errors, "the file has another number of pages than is stated");
    }
    if (!pages_of_transaction && big_u32(header + 24) != big_u32(header + 92)) {
        return add_reason(&verdict->unreadable, "the number of pages was written by an old SQLite");
    }
    if (big_u32(header + 44) != 4) {
        return add_reason(&verdict->unreadable, "schema format %u is not known", (unsigned)big_u32(header + 44));
    }
    file->encoding = (int)big_u32(header + 56);
    if (file->encoding < 1 || file->encoding > 3) {
        return add_reason(&verdict->errors, "the header states a text encoding that does not exist");
    }
    file->lock_page = LOCK_BYTE / file->page_size + 1;
    return true;
}

bool open_file(File *file, const char *path, const Request *request, Verdict *verdict) {
    struct stat status;
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0) {
        return add_reason(&verdict->unreadable, "the file cannot be opened");
    }
    if (!S_ISREG(status.st_mode)) {
        return add_reason(&verdict->unreadable, "the path is no regular file");
    }
    if ((uint64_t)status.st_dev != request->device || (uint64_t)status.st_ino != request->inode) {
        return add_reason(&verdict->unreadable, "the path is another file than SQLite has open");
    }
    if (!is_local(file->descriptor)) {
        return add_reason(&verdict->unreadable, "the file system is not known to be of this computer");
    }
    if (!read_exactly(file->descriptor, file->header, HEADER_BYTES, 0)) {
        return add_reason(&verdict->unreadable, "the header cannot be read");
    }
    if (!prove_header(file, (uint64_t)status.st_size, request->page_count, verdict)) {
        return false;
    }
#if defined(POSIX_FADV_SEQUENTIAL)
    posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
    return true;
}

/* Read the pages from this one on in advance, because pages are asked for in their order. */
static bool read_ahead(File *file, uint32_t page) {
    uint32_t count = file->page_count - page + 1;
    file->ahead_count = 0;
    count = count < PAGES_AHEAD ? count : PAGES_AHEAD;
    if (!read_exactly(file->descriptor, file->ahead, (size_t)count * file->page_size,
                      (off_t)(page - 1) * (off_t)file->page_size)) {
        return false;
    }
    file->ahead_first = page;
    file->ahead_count = count;
    return true;
}

bool read_page(File *file, uint32_t page, uint8_t *into, Verdict *verdict) {
    bool follows = page == file->next_page;
    file->next_page = page + 1;
    if (page < 1 || page > file->page_count) {
        return add_reason(&verdict->errors, "page %u is outside the file", (unsigned)page);
    }
    bool is_ahead = page >= file->ahead_first && page - file->ahead_first < file->ahead_count;
    if (!is_ahead && follows) {
        is_ahead = read_ahead(file, page);
    }
    if (is_ahead) {
        memcpy(into, file->ahead + (size_t)(page - file->ahead_first) * file->page_size, file->page_size);
        return true;
    }
    if (!read_exactly(file->descriptor, into, file->page_size, (off_t)(page - 1) * (off_t)file->page_size)) {
        return add_reason(&verdict->unreadable, "page %u cannot be read", (unsigned)page);
    }
    return true;
}

void close_file(File *file) {
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
}
