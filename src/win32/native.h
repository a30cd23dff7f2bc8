/* What the files of this backend share. Nothing outside this folder includes it. */
#ifndef SRC_WIN32_NATIVE_H
#define SRC_WIN32_NATIVE_H

/* Windows 8: the first with nested jobs, without which no grandchild could be tied. */
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0602
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "../platform.h"

/* ---- clock.c: texts and failures ---- */

/* error_set with the system's words for the code behind it: "text: words (code)". */
int native_error(int error, DWORD code, const char *format, ...) SPORK_PRINTF(3, 4);

/* UTF-8 to UTF-16 and back; free() the result. NULL with the detail set: SPORK_EINVAL in
   *error if the text is not UTF-8, else SPORK_ENOMEM. What a foreign program has put into
   UTF-16 that is none comes out with U+FFFD in its place. */
wchar_t *native_wide(const char *text, int *error);
char *native_utf8(const wchar_t *text, int *error);
/* The same for the path of a file; a long one gets the prefix that lifts the limit of 260
   characters. */
wchar_t *native_wide_path(const char *path, int *error);

/* What a wait or Sleep is told for a duration above 0: whole milliseconds, rounded up so
   that it does not end early, and at most an hour: callers loop. */
static inline DWORD native_milliseconds(int64_t duration) {
    const int64_t longest = 3600000;
    int64_t milliseconds = duration / 1000000 + (duration % 1000000 != 0);
    return (DWORD)(milliseconds < longest ? milliseconds : longest);
}

/* ---- memory.c: names, and who may use what ---- */

enum { NATIVE_RANDOM_NAME = 33 };
/* 128 random bits in hexadecimal. */
int native_random_name(char name[NATIVE_RANDOM_NAME]);

/* For objects with a name: the user of this process and the system, nobody else; not
   inheritable. NULL when it cannot be made, with the detail set. */
SECURITY_ATTRIBUTES *native_private(void);

/* Takes a copy of a handle of another process. Errors: SPORK_EPEERDIED (that process or
   its handle is gone), SPORK_ESYSTEM. */
int native_share(intptr_t *copy, struct plat_identity owner, intptr_t native);

/* ---- named_memory.c: what a user's name leads to; see named.c ---- */

enum { NATIVE_NAMED_ENTRY = PLAT_NAME_MOST + 32, NATIVE_NAMED_OBJECT = 64 };
/* The random name of what belongs to a name: 'm'emory, 'l'ock, 's'emaphore. */
void native_named_object(wchar_t wide[NATIVE_NAMED_OBJECT], const struct plat_named *named,
                         char what);
/* Makes the section and maps it; or maps the one that another process made. */
int native_named_section(struct plat_named *named, size_t size, HANDLE *section);
int native_named_map(struct plat_named *named, size_t size, bool read_only);

/* ---- process.c ---- */

/* Opens a process with the right to wait for it, to ask for its times, and what is
   wanted. Errors: as plat_process_open. */
int native_process_open(HANDLE *opened, struct plat_identity identity, DWORD wanted);
int native_process_stamp(HANDLE process, uint64_t *stamp);

/* This process's environment with these variables in place of or beside its own, as
   CreateProcessW wants it; free() it. NULL with *error and the detail set. */
wchar_t *native_environment(const char *const *add, int *error);

/* ---- sleep.c ---- */

/* plat_bell_sleep that also returns 0 when another object, an event, is signalled; NULL
   for none. */
int native_sleep(struct plat_sleeper *sleeper, struct plat_bell *bell, HANDLE event,
                 int64_t deadline, const struct plat_process *const *watched,
                 size_t count, size_t *dead);
/* The event that this thread's overlapped writes signal; NULL with the detail set. */
HANDLE native_sleeper_event(struct plat_sleeper *sleeper);

/* What doorbell.c needs of a sleeper. native_doorbell_open: NULL with the detail set. The
   registered release the doorbell when they die; see plat_doorbell_watch. */
HANDLE native_doorbell_open(struct plat_sleeper *sleeper, const struct plat_bell *bell);
HANDLE native_doorbell(struct plat_sleeper *sleeper);
int native_doorbell_register(struct plat_sleeper *sleeper,
                             const struct plat_process *const *watched, size_t count,
                             size_t *dead);

/* ---- doorbell.c ---- */

/* Natives of the host whose signal a sleep has taken, until plat_native_ready tells. */
struct native_taken {
    HANDLE *natives; /* malloc */
    size_t count, capacity;
};
/* Forgets all (they have been told by now), with room for so many; false: no memory. */
bool native_taken_begin(struct native_taken *taken, size_t capacity);
void native_taken_note(struct native_taken *taken, HANDLE native);
/* Of a sleeper; NULL: nothing was taken. */
struct native_taken *native_taken_of(const struct plat_sleeper *sleeper);

#endif
