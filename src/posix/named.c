/* Memory that has a name.

   A name that does not persist is two abstract sockets of its maker, so that it goes with that
   process and leaves no file: the claim, "spork/USER/KEY", which can be bound once only, and
   the locator, "spork/USER/KEY/KIND/PID/FD/NONCE", which says where the memory is: a memfd,
   opened by /proc/PID/fd/FD. The pid is a hint and no more (it may be of another pid
   namespace): what was opened must be this user's memfd with the name and the nonce in its
   own name. Claim first, locator last: an opener that finds a claim alone waits a moment.

   A name that persists is a file where shm_open looks. It is written without a name first, and
   then linked, so that a death leaves all of it or nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "native.h"

enum { PATH_SIZE = 320, SOCKET_NAME = 108, FREED = 16 };
static const int64_t patience = 1000000000, nap = 1000000; /* for one who is about to publish */

/* A descriptor of ours, and of what: a program that closes all descriptors closes these too,
   and may have opened something else as that number. */
struct own {
    int fd;
    dev_t device;
    ino_t inode;
};

/* What a maker has open: a forked child must not, or the name would live on with it. */
struct maker {
    struct own claim, locator, memory;
    char text[SOCKET_NAME]; /* of the claim */
    struct maker *next;
};
static struct maker *makers;
static char freed[FREED][SOCKET_NAME]; /* the last that were let go, in turn */
static unsigned frees;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int64_t last_fork = INT64_MIN / 2; /* of this process */

static void lock_makers(void) {
    pthread_mutex_lock(&mutex);
}

static void unlock_makers(void) {
    pthread_mutex_unlock(&mutex);
}

static void has_forked(void) {
    last_fork = plat_now_ns();
    unlock_makers();
}

/* Takes a descriptor over. With the errno of a failure if that is none. */
static bool keep(struct own *own, int fd) {
    struct stat status;
    fd = fd < 0 ? fd : native_move_up(fd);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return false;
    }
    *own = (struct own){fd, status.st_dev, status.st_ino};
    return true;
}

static void let_go(struct own *own) {
    struct stat status;
    if (own->fd >= 0 && fstat(own->fd, &status) == 0 && status.st_dev == own->device &&
        status.st_ino == own->inode) {
        close(own->fd);
    }
    own->fd = -1;
}

static void close_all(struct maker *maker) {
    let_go(&maker->locator);
    let_go(&maker->memory);
    let_go(&maker->claim);
}

void native_named_forked(void) {
    for (struct maker *maker = makers; maker != NULL; maker = maker->next) {
        close_all(maker);
    }
}

static void in_forked_child(void) {
    native_named_forked();
    unlock_makers();
}

static void watch_forks(void) {
    pthread_atfork(lock_makers, has_forked, in_forked_child);
}

static struct maker *maker_new(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    struct maker *maker = malloc(sizeof *maker);
    if (maker != NULL) {
        lock_makers();
        *maker = (struct maker){{-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}, "", makers};
        makers = maker;
        unlock_makers();
    }
    return maker;
}

static void maker_free(struct maker *maker) {
    lock_makers();
    struct maker **at = &makers;
    while (*at != maker) {
        at = &(*at)->next;
    }
    *at = maker->next;
    close_all(maker);
    memcpy(freed[frees++ % FREED], maker->text, SOCKET_NAME);
    unlock_makers();
    free(maker);
}

/* ---- names ---- */

static void claim_of(char text[SOCKET_NAME], const char *name) {
    char key[NATIVE_KEY_SIZE];
    native_named_key(key, name);
    snprintf(text, SOCKET_NAME, "spork/%u/%s", (unsigned)geteuid(), key);
}

static void memory_name(char text[PATH_SIZE], enum plat_named_kind kind, const char *name,
                        const uint64_t nonce[2]) {
    snprintf(text, PATH_SIZE, "spork-%c-%s.%016" PRIx64 "%016" PRIx64, (char)kind, name,
             nonce[0], nonce[1]);
}

static void file_of(char path[PATH_SIZE], enum plat_named_kind kind, const char *name) {
    const char *prefix = kind == PLAT_NAMED_LOCK        ? "spork-lock."
                         : kind == PLAT_NAMED_SEMAPHORE ? "sem."
                                                        : "";
    snprintf(path, PATH_SIZE, "/dev/shm/%s%s", prefix, name);
}

static bool persists(const char *name) {
    static const enum plat_named_kind kinds[] = {PLAT_NAMED_MEMORY, PLAT_NAMED_LOCK,
                                                 PLAT_NAMED_SEMAPHORE};
    char path[PATH_SIZE];
    struct stat status;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        file_of(path, kinds[i], name);
        if (lstat(path, &status) == 0) {
            return true;
        }
    }
    return false;
}

static int taken(const char *name) {
    return error_set(SPORK_EEXISTS, "there is something of the name %s already", name);
}

static int absent(const char *name) {
    return error_set(SPORK_ENOTFOUND, "there is nothing of the name %s", name);
}

/* ---- sockets as names ---- */

static socklen_t address_of(struct sockaddr_un *address, const char *text) {
    size_t length = strlen(text);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, text, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

/* A child that this process has just forked has a copy of what was ours when it was forked, and
   closes that first of all. True: that may be still to come. */
static bool wait_for_forked(const char *text) {
    bool was_ours = false;
    lock_makers();
    for (int i = 0; i < FREED && !was_ours; i++) {
        was_ours = strcmp(freed[i], text) == 0;
    }
    was_ours = was_ours && plat_now_ns() - last_fork < patience;
    unlock_makers();
    plat_sleep_ns(was_ours ? nap : 0);
    return was_ours;
}

/* *own is a maker's: it is written before anybody can fork. Returns an errno. */
static int bind_name(struct own *own, const char *text) {
    struct sockaddr_un address;
    socklen_t size = address_of(&address, text);
    lock_makers();
    int number = keep(own, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) ? 0 : errno;
    unlock_makers();
    if (number != 0) {
        return number;
    }
    shutdown(own->fd, SHUT_RDWR); /* it receives nothing */
    do {
        number = bind(own->fd, (struct sockaddr *)&address, size) == 0 ? 0 : errno;
    } while (number == EADDRINUSE && wait_for_forked(text));
    return number;
}

/* Errors: SPORK_ENOTFOUND, without a detail, if nobody has bound it; SPORK_ESYSTEM. */
static int find_name(const char *text) {
    struct sockaddr_un address;
    socklen_t size = address_of(&address, text);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return native_error(SPORK_ESYSTEM, "a socket to look for a name", errno);
    }
    bool none = connect(fd, (struct sockaddr *)&address, size) != 0 && errno == ECONNREFUSED;
    close(fd);
    return none ? SPORK_ENOTFOUND : 0;
}

/* ---- making ---- */

static int make_memory(struct plat_named *named, struct maker *maker, const char *name,
                       size_t size) {
    char text[PATH_SIZE];
    int error = plat_random(named->identity, sizeof named->identity);
    if (error != 0) {
        return error;
    }
    memory_name(text, named->kind, name, named->identity);
    lock_makers();
    bool open_now = keep(&maker->memory,
                         named->persist ? open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
                                        : memfd_create(text, MFD_CLOEXEC));
    unlock_makers();
    if (!open_now) {
        return native_error(SPORK_ESYSTEM, "a file for named memory", errno);
    }
    if (named->persist) {
        named->identity[0] = (uint64_t)maker->memory.device;
        named->identity[1] = (uint64_t)maker->memory.inode;
    }
    int number = native_named_reserve(maker->memory.fd, size);
    if (number != 0) {
        return native_error(SPORK_ENOSPACE, "reserving named memory", number);
    }
    return native_named_map(named, maker->memory.fd, size, false);
}

static int claim(struct maker *maker, const char *name) {
    claim_of(maker->text, name);
    int number = bind_name(&maker->claim, maker->text);
    if (number == EADDRINUSE || (number == 0 && persists(name))) {
        return taken(name);
    }
    return number == 0 ? 0 : native_error(SPORK_ESYSTEM, "binding a name", number);
}

int native_named_claim(intptr_t *made, const char *name) {
    struct maker *maker = maker_new();
    if (maker == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a name");
    }
    int error = claim(maker, name);
    if (error != 0) {
        maker_free(maker);
        return error;
    }
    *made = (intptr_t)maker;
    return 0;
}

void native_named_disclaim(intptr_t made) {
    maker_free((struct maker *)made);
}

int plat_named_create(struct plat_named *named, enum plat_named_kind kind, const char *name,
                      size_t size, bool persist) {
    struct plat_named made = {.kind = kind, .persist = persist};
    int error = native_named_claim(&made.maker, name);
    if (error != 0) {
        return error;
    }
    error = make_memory(&made, (struct maker *)made.maker, name, size);
    if (error != 0) {
        native_named_disclaim(made.maker);
        return error;
    }
    *named = made;
    return 0;
}

static int publish_file(struct plat_named *named, struct maker *maker, const char *name) {
    char from[64];
    char path[PATH_SIZE];
    snprintf(from, sizeof from, "/proc/self/fd/%d", maker->memory.fd);
    file_of(path, named->kind, name);
    if (linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0) {
        return errno == EEXIST ? taken(name)
                               : native_error(SPORK_ESYSTEM, "naming persistent memory", errno);
    }
    maker_free(maker);
    named->maker = 0;
    return 0;
}

int plat_named_publish(struct plat_named *named, const char *name) {
    struct maker *maker = (struct maker *)named->maker;
    char claimed[SOCKET_NAME];
    char text[2 * SOCKET_NAME];
    if (named->persist) {
        return publish_file(named, maker, name);
    }
    claim_of(claimed, name);
    snprintf(text, sizeof text, "%s/%c/%lld/%d/%016" PRIx64 "%016" PRIx64, claimed,
             (char)named->kind, (long long)getpid(), maker->memory.fd, named->identity[0],
             named->identity[1]);
    int number = strlen(text) < SOCKET_NAME ? bind_name(&maker->locator, text) : ENAMETOOLONG;
    return number == 0 ? 0 : native_error(SPORK_ESYSTEM, "binding a name", number);
}

/* ---- opening ---- */

/* Whether path, in /proc, leads to that memfd. */
static bool leads_to(const char *path, const char *memory) {
    char link[PATH_SIZE];
    char wanted[PATH_SIZE + 32];
    ssize_t length = readlink(path, link, sizeof link - 1);
    snprintf(wanted, sizeof wanted, "/memfd:%s (deleted)", memory);
    link[length < 0 ? 0 : length] = '\0';
    return length > 0 && strcmp(link, wanted) == 0;
}

static int open_located(struct plat_named *named, const char *name, int64_t pid, int at,
                        bool read_only) {
    char memory[PATH_SIZE];
    char path[64];
    struct stat status;
    memory_name(memory, named->kind, name, named->identity);
    snprintf(path, sizeof path, "/proc/%lld/fd/%d", (long long)pid, at);
    int fd = -1;
    errno = ENOENT;
    if (leads_to(path, memory)) {
        fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    if (fd < 0) {
        return native_error(SPORK_ESYSTEM, "looking into the process that made the name", errno);
    }
    /* What was asked about may have been another file than the one that was opened. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool good = leads_to(path, memory) && fstat(fd, &status) == 0 &&
                status.st_uid == geteuid() && status.st_size > 0;
    int error = good ? native_named_map(named, fd, (size_t)status.st_size, read_only)
                     : error_set(SPORK_ESYSTEM, "what %s leads to is not ours", name);
    close(fd);
    return error;
}

enum { LOOK_AGAIN = 1 };

/* One look at the list of sockets: 0, SPORK_ENOTFOUND (it is of another kind), LOOK_AGAIN (no
   locator is to be seen), or why the last one that was tried did not lead there. */
static int look(struct plat_named *named, const char *claimed, const char *name,
                bool read_only) {
    char prefix[SOCKET_NAME + 8];
    char line[512];
    int result = LOOK_AGAIN;
    int length = snprintf(prefix, sizeof prefix, " @%s/", claimed);
    FILE *list = fopen("/proc/net/unix", "re");
    if (list == NULL) {
        return native_error(SPORK_ESYSTEM, "/proc/net/unix", errno);
    }
    while (result != 0 && fgets(line, sizeof line, list) != NULL) {
        const char *found = strstr(line, prefix);
        char kind;
        long long pid;
        int fd;
        if (found == NULL || sscanf(found + length, "%c/%lld/%d/%16" SCNx64 "%16" SCNx64, &kind,
                                    &pid, &fd, &named->identity[0],
                                    &named->identity[1]) != 5) {
            continue;
        }
        result = kind == (char)named->kind ? open_located(named, name, pid, fd, read_only)
                                           : absent(name);
    }
    fclose(list);
    return result;
}

static int open_claimed(struct plat_named *named, const char *name, bool read_only) {
    char claimed[SOCKET_NAME];
    int64_t deadline = plat_now_ns() + patience;
    claim_of(claimed, name);
    for (;;) {
        int error = find_name(claimed);
        if (error != 0) {
            return error;
        }
        error = look(named, claimed, name, read_only);
        bool final = error == 0 || error == SPORK_ENOTFOUND || error == SPORK_ENOSPACE;
        if (final || plat_now_ns() > deadline) {
            return error == LOOK_AGAIN ? SPORK_ENOTFOUND : error;
        }
        plat_sleep_ns(nap);
    }
}

int native_named_open_claimed(struct plat_named *named, enum plat_named_kind kind,
                              const char *name) {
    struct plat_named opened = {.kind = kind};
    int error = open_claimed(&opened, name, false);
    if (error == 0) {
        *named = opened;
    }
    return error;
}

/* A file of no size is another program's that is still being made. */
static int open_file(struct plat_named *named, const char *name, bool read_only) {
    char path[PATH_SIZE];
    struct stat status = {0};
    int64_t deadline = plat_now_ns() + patience;
    file_of(path, named->kind, name);
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? absent(name) : native_error(SPORK_ESYSTEM, path, errno);
    }
    while (fstat(fd, &status) == 0 && status.st_size == 0 && plat_now_ns() < deadline) {
        plat_sleep_ns(nap);
    }
    int error = status.st_size == 0 ? absent(name) : 0;
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
        error = error_set(SPORK_ESYSTEM, "%s is another user's", path);
    }
    if (error == 0) {
        named->identity[0] = (uint64_t)status.st_dev;
        named->identity[1] = (uint64_t)status.st_ino;
        error = native_named_map(named, fd, (size_t)status.st_size, read_only);
    }
    close(fd);
    return error;
}

int plat_named_open(struct plat_named *named, enum plat_named_kind kind, const char *name,
                    bool read_only) {
    struct plat_named opened = {.kind = kind};
    int error = open_claimed(&opened, name, read_only);
    if (error == SPORK_ENOTFOUND) {
        opened.persist = true;
        error = open_file(&opened, name, read_only);
    }
    if (error == 0) {
        *named = opened;
    }
    return error;
}

/* ---- letting go ---- */

int plat_named_unlink_persistent(enum plat_named_kind kind, const char *name) {
    char path[PATH_SIZE];
    file_of(path, kind, name);
    if (unlink(path) == 0) {
        return 0;
    }
    return errno == ENOENT ? absent(name) : native_error(SPORK_ESYSTEM, path, errno);
}

int plat_named_unlink(struct plat_named *named, const char *name) {
    char path[PATH_SIZE];
    struct stat status;
    if (!named->persist) {
        maker_free((struct maker *)named->maker);
        named->maker = 0;
        return 0;
    }
    file_of(path, named->kind, name);
    if (named->kind != PLAT_NAMED_SEMAPHORE &&
        (lstat(path, &status) != 0 || (uint64_t)status.st_ino != named->identity[1])) {
        return absent(name);
    }
    return plat_named_unlink_persistent(named->kind, name);
}

void plat_named_close(struct plat_named *named) {
    if (named->maker != 0) {
        maker_free((struct maker *)named->maker);
    }
    if (named->base != NULL) {
        munmap(named->base, named->size);
    }
    *named = (struct plat_named){0};
}
