/* A page from a web server, for examples: one GET of HTTP/1.0, which waits. http_common.c
   speaks HTTP; http_posix.c or http_win32.c is built beside it, as the target is. */
#ifndef EXAMPLES_HTTP_H
#define EXAMPLES_HTTP_H

#include <stddef.h>
#include <stdint.h>

/* A page may be of so many bytes. */
enum { HTTP_PAGE_MAX = 1024 * 1024 };

#define HTTP_ERRORS(X)                                    \
    X(EADDRESS, 1, "this is no address of the http kind") \
    X(EHOST, 2, "there is no host of that name")          \
    X(EREFUSED, 3, "connection refused")                  \
    X(EUNREACHABLE, 4, "the host cannot be reached")      \
    X(ETIMEDOUT, 5, "the time ran out")                   \
    X(EBROKEN, 6, "the connection ended too early")       \
    X(EANSWER, 7, "the answer is not HTTP")               \
    X(ETOOLARGE, 8, "the page is too large")              \
    X(ESTATUS, 9, "the server would not give the page")   \
    X(ESYSTEM, 10, "the system refused")

enum {
#define HTTP_ERROR_NUMBER(name, number, sentence) HTTP_##name = number,
    HTTP_ERRORS(HTTP_ERROR_NUMBER)
#undef HTTP_ERROR_NUMBER
};

struct http_answer {
    int status;  /* 200 and so on; 0: there was no answer */
    size_t size; /* bytes of the page */
};

/* Gets http://host[:port][/path] and counts its bytes. It may take timeout_ms, and the
   time in which the system finds the host besides; negative: as long as it takes.
   Returns 0, or one of the numbers above, with what there is of the answer: HTTP_ESTATUS
   when the status is not one of success (200 to 299). */
int http_get(const char *url, int64_t timeout_ms, struct http_answer *answer);

/* The sentence of the list above; for other numbers "no error of http". */
const char *http_sentence(int error);

/* Between the parts of the implementation. These return 0 or one of the numbers above,
   and give up at the deadline, a time of spork_now_ms. http_receive writes how much there
   was to *size: 0 is the end. */
int http_connect(intptr_t *connection, const char *host, const char *port,
                 int64_t deadline);
int http_send(intptr_t connection, const char *data, size_t size, int64_t deadline);
int http_receive(intptr_t connection, char *data, size_t room, size_t *size,
                 int64_t deadline);
void http_disconnect(intptr_t connection);

#endif
