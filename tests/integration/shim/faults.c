// A disk and a wire that fail on command: preloaded into the daemon (LD_PRELOAD), between it and the C library.
// Built by lib/shim.mjs with  cc -shared -fPIC -O1 -o faults.so faults.c -lpthread
//
// It knows the database's files (the path FAULT_DB, also with -wal, -shm, -journal or .lock behind it, and
// SQLite's own temporary files) by the path they are opened with, and the node by the port that is connected to.
//
//   FAULT_DB=path        the database
//   FAULT_PORT=n         the node; a send whose bytes have FAULT_WORD in them is a "raw" event
//   FAULT_WORD=text      default eth_sendRawTransaction
//   FAULT_SENT=file      each "raw" event's bytes are appended to it just before they are sent
//   FAULT_COUNTERS=file  eight counters of 64 bits, kept as they change (so they survive a kill):
//                        write, sync, raw, all sends to the node, faults that struck, three unused
//   FAULT_FLAG=file      nothing strikes and no event is counted towards FAULT_AT unless this file exists: making it
//                        is the moment from which one counts, removing it is the disk that has room again. What is
//                        written in it, "kind:n how once|on serial", comes before FAULT_AT, FAULT_HOW, FAULT_ONCE;
//                        other words than before count anew, so that a life can be struck at moments chosen late
//   FAULT_AT=kind:n      the event that is struck, from 1. Kinds: write (write, pwrite, pwritev, writev, ftruncate,
//                        fallocate of the database's files), sync (fsync, fdatasync of them), raw, send (any bytes
//                        to the node, the raw ones with them)
//   FAULT_HOW=…          what happens there:
//       ENOSPC EIO       write, sync: this call and all later ones of its kind fail so
//       torn             write: half is written, yet this call and all later ones fail with EIO
//       short            write: half is written; all later ones fail with ENOSPC, as on a disk that fills up
//       kill             the process dies (SIGKILL) before the call
//       kill-half        write, raw, send: it dies after half the bytes
//       kill-after       it dies after the call
//       kill-reply       raw, send: it dies when the answer to these bytes has been received, before anybody sees it
//   FAULT_ONCE=1         only that one call fails, the later ones do not
//   FAULT_SYNCED=folder  after each fsync that succeeds the file is copied there: what would survive if the power
//                        failed and nothing else had reached the disk
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kWrite, kSync, kRaw, kSend, kStruck, kCounters = 8 };
enum { kOther, kFile, kNode };
enum { kFds = 4096 };

struct Fd {
    atomic_int kind;
    atomic_int awaits_reply;
    char name[128];
};

static struct Fd fds[kFds];
static const char* database;
static const char* flag;
static const char* synced;
static const char* sent_file;
static const char* word = "eth_sendRawTransaction";
static char how[32];
static int port;
static int at_kind = -1;
static uint64_t at_count;
static int once;
static atomic_ullong armed_events[kCounters];
static atomic_ullong own_counters[kCounters];
static atomic_ullong* counters = own_counters;
static char flag_words[64];
static pthread_mutex_t copying = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t arming = PTHREAD_MUTEX_INITIALIZER;

static int raw_open(const char* path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void strike_at(const char* text) {
    static const char* const kinds[] = {"write:", "sync:", "raw:", "send:"};
    for (int i = 0; i < 4; ++i) {
        if (strncmp(text, kinds[i], strlen(kinds[i])) != 0) continue;
        at_kind = i;
        at_count = strtoull(text + strlen(kinds[i]), NULL, 10);
    }
}

__attribute__((constructor)) static void set_up(void) {
    const char* text;
    database = getenv("FAULT_DB");
    flag = getenv("FAULT_FLAG");
    synced = getenv("FAULT_SYNCED");
    sent_file = getenv("FAULT_SENT");
    if ((text = getenv("FAULT_PORT"))) port = atoi(text);
    if ((text = getenv("FAULT_WORD"))) word = text;
    if ((text = getenv("FAULT_HOW"))) snprintf(how, sizeof how, "%s", text);
    once = getenv("FAULT_ONCE") != NULL;
    if ((text = getenv("FAULT_AT"))) strike_at(text);
    if ((text = getenv("FAULT_COUNTERS"))) {
        const int fd = raw_open(text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        const size_t size = sizeof(atomic_ullong) * kCounters;
        if (fd < 0 || syscall(SYS_ftruncate, fd, size) != 0) abort();
        void* shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared == MAP_FAILED) abort();
        counters = shared;
        syscall(SYS_close, fd);
    }
}

static int kind_of(int fd) { return fd >= 0 && fd < kFds ? atomic_load(&fds[fd].kind) : kOther; }

static void forget(int fd) {
    if (fd < 0 || fd >= kFds) return;
    atomic_store(&fds[fd].kind, kOther);
    atomic_store(&fds[fd].awaits_reply, 0);
}

static int is_database(const char* path) {
    static const char* const tails[] = {"", "-wal", "-shm", "-journal", ".lock"};
    if (!database || !path) return 0;
    if (strstr(path, "/etilqs_")) return 1;
    const size_t length = strlen(database);
    if (strncmp(path, database, length) != 0) return 0;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; ++i) {
        if (strcmp(path + length, tails[i]) == 0) return 1;
    }
    return 0;
}

static int opened(int fd, const char* path) {
    if (fd < 0 || fd >= kFds) return fd;
    forget(fd);
    if (!is_database(path)) return fd;
    const char* name = strrchr(path, '/');
    snprintf(fds[fd].name, sizeof fds[fd].name, "%s", name ? name + 1 : path);
    atomic_store(&fds[fd].kind, kFile);
    return fd;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int how_is(const char* name) { return strcmp(how, name) == 0; }

//! Whether there is a flag. The caller holds the lock.
static int armed(void) {
    if (!flag) return 1;
    const int fd = raw_open(flag, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    char words[sizeof flag_words] = "";
    const ssize_t size = syscall(SYS_read, fd, words, sizeof words - 1);
    syscall(SYS_close, fd);
    if (size <= 0 || strcmp(words, flag_words) == 0) return 1;
    memcpy(flag_words, words, sizeof words);
    for (int i = 0; i < kCounters; ++i) armed_events[i] = 0;
    char at[32];
    char often[32];
    if (sscanf(words, "%31s %31s %31s", at, how, often) != 3) abort();
    once = strcmp(often, "once") == 0;
    strike_at(at);
    return 1;
}

//! Counts an event and says whether it is struck: 0 no, 1 yes, 2 it comes after the one that was.
static int strikes(int kind) {
    atomic_fetch_add(&counters[kind], 1);
    pthread_mutex_lock(&arming);
    const int counts = armed() && kind == at_kind;
    pthread_mutex_unlock(&arming);
    if (!counts) return 0;
    const uint64_t n = atomic_fetch_add(&armed_events[kind], 1) + 1;
    if (n < at_count || (n > at_count && (once || strncmp(how, "kill", 4) == 0))) return 0;
    atomic_fetch_add(&counters[kStruck], 1);
    return n == at_count ? 1 : 2;
}

//! What a struck call does instead: > 0 bytes to really write and then (half) die or be short, -1 with errno,
//! -2 the call is to be made as it is, -3 made and then death.
static ssize_t verdict(int struck, size_t bytes) {
    if (!struck) return -2;
    if (how_is("kill") || (how_is("kill-half") && bytes < 2)) die();
    if (how_is("kill-after")) return -3;
    if (how_is("kill-reply")) return -2;
    const int halves = how_is("kill-half") || (struck == 1 && (how_is("short") || how_is("torn")));
    if (halves && bytes > 1) return (ssize_t)(bytes / 2);
    errno = how_is("EIO") || how_is("torn") ? EIO : ENOSPC;
    return -1;
}

static ssize_t one_write(int fd, const void* data, size_t size, off_t offset, int positioned) {
    if (positioned) return syscall(SYS_pwrite64, fd, data, size, offset);
    return syscall(SYS_write, fd, data, size);
}

static ssize_t struck_write(int struck, int fd, const void* data, size_t size, off_t offset, int positioned) {
    const ssize_t what = verdict(struck, size);
    if (what == -1) return -1;
    const ssize_t wrote = one_write(fd, data, what > 0 ? (size_t)what : size, offset, positioned);
    if (what == -3 || (what > 0 && how_is("kill-half"))) die();
    if (what > 0 && how_is("torn")) {
        errno = EIO;
        return -1;
    }
    return wrote;
}

static int has_word(const void* data, size_t size) { return memmem(data, size, word, strlen(word)) != NULL; }

static void keep_sent(const void* data, size_t size) {
    if (!sent_file) return;
    const int fd = raw_open(sent_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, data, size) != (ssize_t)size) abort();
    syscall(SYS_close, fd);
}

//! -2: nothing special, the caller makes the call.
static ssize_t node_send(int fd, const void* data, size_t size, int flags) {
    const int is_raw = has_word(data, size);
    const int any = strikes(kSend);
    const int raw = is_raw ? strikes(kRaw) : 0;
    const int struck = any ? any : raw;
    if (is_raw) keep_sent(data, size);
    if (!struck) return -2;
    const ssize_t what = verdict(struck, size);
    if (what == -1) return -1;
    const ssize_t sent =
        syscall(SYS_sendto, fd, data, what > 0 ? (size_t)what : size, flags | MSG_NOSIGNAL, NULL, 0);
    if (what == -3 || what > 0) die();
    if (struck && sent > 0) atomic_store(&fds[fd].awaits_reply, 1);
    return sent;
}

static void received(int fd, ssize_t size) {
    if (size > 0 && kind_of(fd) == kNode && atomic_load(&fds[fd].awaits_reply)) die();
}

// ---- what is interposed

int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(raw_open(path, flags, mode), path);
}

int open64(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(raw_open(path, flags | O_LARGEFILE, mode), path);
}

int close(int fd) {
    forget(fd);
    return (int)syscall(SYS_close, fd);
}

int connect(int fd, const struct sockaddr* address, socklen_t length) {
    forget(fd);
    if (port && address->sa_family == AF_INET &&
        ntohs(((const struct sockaddr_in*)address)->sin_port) == port && fd < kFds) {
        atomic_store(&fds[fd].kind, kNode);
    }
    return (int)syscall(SYS_connect, fd, address, length);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
    if (kind_of(fd) != kFile) return one_write(fd, data, size, offset, 1);
    return struck_write(strikes(kWrite), fd, data, size, offset, 1);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }

ssize_t write(int fd, const void* data, size_t size) {
    if (kind_of(fd) == kFile) return struck_write(strikes(kWrite), fd, data, size, 0, 0);
    if (kind_of(fd) == kNode) {
        const ssize_t sent = node_send(fd, data, size, 0);
        if (sent != -2) return sent;
    }
    return one_write(fd, data, size, 0, 0);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
    // Neither SQLite nor libcurl gathers; whoever begins to must not slip through.
    if (kind_of(fd) == kFile) return count > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
    if (kind_of(fd) == kFile) return count > 0 ? pwrite(fd, parts[0].iov_base, parts[0].iov_len, offset) : 0;
    return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

ssize_t sendto(int fd, const void* data, size_t size, int flags, const struct sockaddr* to, socklen_t length) {
    if (kind_of(fd) == kNode) {
        const ssize_t sent = node_send(fd, data, size, flags);
        if (sent != -2) return sent;
    }
    return syscall(SYS_sendto, fd, data, size, flags, to, length);
}

ssize_t send(int fd, const void* data, size_t size, int flags) { return sendto(fd, data, size, flags, NULL, 0); }

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
    if (kind_of(fd) == kNode && message->msg_iovlen > 0) {
        return send(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
    }
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t recvfrom(int fd, void* data, size_t size, int flags, struct sockaddr* from, socklen_t* length) {
    const ssize_t got = syscall(SYS_recvfrom, fd, data, size, flags, from, length);
    received(fd, got);
    return got;
}

ssize_t recv(int fd, void* data, size_t size, int flags) { return recvfrom(fd, data, size, flags, NULL, NULL); }

ssize_t read(int fd, void* data, size_t size) {
    const ssize_t got = syscall(SYS_read, fd, data, size);
    received(fd, got);
    return got;
}

static int struck_plain(long (*call)(int, off_t), int kind, int fd, off_t length) {
    const ssize_t what = verdict(kind_of(fd) == kFile ? strikes(kind) : 0, 0);
    if (what == -1) return -1;
    const int result = (int)call(fd, length);
    if (what == -3) die();
    return result;
}

static long raw_truncate(int fd, off_t length) { return syscall(SYS_ftruncate, fd, length); }
static long raw_allocate(int fd, off_t length) { return syscall(SYS_fallocate, fd, 0, 0, length); }

int ftruncate(int fd, off_t length) { return struck_plain(raw_truncate, kWrite, fd, length); }
int ftruncate64(int fd, off64_t length) { return struck_plain(raw_truncate, kWrite, fd, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (kind_of(fd) != kFile) return (int)syscall(SYS_fallocate, fd, mode, offset, length);
    return struck_plain(raw_allocate, kWrite, fd, offset + length);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    return fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

//! The copy appears whole or not at all, so that a death in the middle leaves the one before.
static void keep_synced(int fd) {
    char part[PATH_MAX];
    char whole[PATH_MAX];
    static char buffer[1 << 20];
    pthread_mutex_lock(&copying);
    snprintf(whole, sizeof whole, "%s/%s", synced, fds[fd].name);
    snprintf(part, sizeof part, "%s/%s.part", synced, fds[fd].name);
    const int to = raw_open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) abort();
    off_t at = 0;
    for (ssize_t got; (got = syscall(SYS_pread64, fd, buffer, sizeof buffer, at)) > 0; at += got) {
        if (syscall(SYS_write, to, buffer, got) != got) abort();
    }
    syscall(SYS_close, to);
    if (rename(part, whole) != 0) abort();
    pthread_mutex_unlock(&copying);
}

static int sync_with(long number, int fd) {
    const int file = kind_of(fd) == kFile;
    const ssize_t what = verdict(file ? strikes(kSync) : 0, 0);
    if (what == -1) return -1;
    const int result = (int)syscall(number, fd);
    if (result == 0 && file && synced) keep_synced(fd);
    if (what == -3) die();
    return result;
}

int fsync(int fd) { return sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }
