/* The part of http.h that is the same on every system: addresses, questions, answers. */
#include "http.h"

#include <ctype.h>
#include <spork.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_ROOM = 256, PORT_ROOM = 6, QUESTION_ROOM = 4096, HEAD_ROOM = 16 * 1024 };

struct address {
    char host[HOST_ROOM];
    char port[PORT_ROOM];
    const char *path; /* in the url; it may begin with '?', or be empty */
    int path_length;
};

/* What has come of an answer: the head is kept, the page is only counted. */
struct reading {
    char head[HEAD_ROOM];
    size_t used; /* bytes of head, and of what came with its end */
    bool has_head;
    int64_t promised; /* the size that the head names; -1: none */
    struct http_answer answer;
};

const char *http_sentence(int error) {
    switch (error) {
#define HTTP_SENTENCE(name, number, sentence) \
    case HTTP_##name:                         \
        return sentence;
        HTTP_ERRORS(HTTP_SENTENCE)
#undef HTTP_SENTENCE
    default:
        return "no error of http";
    }
}

/* ---- the address ---- */

/* Whether there is nothing in it that would end a line, or a word, of the question. */
static bool is_one_word(const char *text) {
    while (*text != '\0' && !isspace((unsigned char)*text) &&
           !iscntrl((unsigned char)*text)) {
        text++;
    }
    return *text == '\0';
}

static bool copy_part(char *to, size_t room, const char *from, size_t length) {
    if (length == 0 || length >= room) {
        return false;
    }
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool parse_address(struct address *address, const char *url) {
    static const char scheme[] = "http://";

    if (strncmp(url, scheme, strlen(scheme)) != 0 || !is_one_word(url)) {
        return false;
    }
    const char *at = url + strlen(scheme);
    size_t length = strcspn(at, ":/?#");
    if (!copy_part(address->host, sizeof address->host, at, length)) {
        return false;
    }
    at += length;
    memcpy(address->port, "80", sizeof "80");
    if (*at == ':') {
        length = strspn(++at, "0123456789");
        if (!copy_part(address->port, sizeof address->port, at, length)) {
            return false;
        }
        at += length;
    }
    if (*at != '\0' && strchr("/?#", *at) == NULL) {
        return false;
    }
    long port = strtol(address->port, NULL, 10);
    address->path = at;
    address->path_length = (int)strcspn(at, "#"); /* The rest is for who asks only. */
    return port > 0 && port <= 65535;
}

/* The bytes of the question, or 0: they are too many. */
static size_t write_question(char *question, size_t room, const struct address *address) {
    int length = snprintf(question, room,
                          "GET %s%.*s HTTP/1.0\r\n"
                          "Host: %s:%s\r\n"
                          "Connection: close\r\n\r\n",
                          address->path[0] == '/' ? "" : "/", address->path_length,
                          address->path, address->host, address->port);
    return length > 0 && (size_t)length < room ? (size_t)length : 0;
}

/* ---- the answer ---- */

/* What follows the name of a field, if this line begins with it; else NULL. */
static const char *field(const char *line, const char *name) {
    while (*name != '\0' && tolower((unsigned char)*line) == *name) {
        line++;
        name++;
    }
    return *name == '\0' ? line : NULL;
}

/* Reads the lines of a head that is complete. */
static int parse_head(struct reading *reading) {
    int minor;
    if (sscanf(reading->head, "HTTP/1.%1d %3d", &minor, &reading->answer.status) != 2) {
        return HTTP_EANSWER;
    }
    for (const char *line = strchr(reading->head, '\n'); line != NULL;
         line = strchr(line, '\n')) {
        const char *value = field(++line, "content-length:");
        char *end;
        if (value != NULL) {
            reading->promised = strtoll(value, &end, 10);
            if (end == value || reading->promised < 0) {
                return HTTP_EANSWER;
            }
        }
    }
    reading->has_head = true;
    return reading->promised > HTTP_PAGE_MAX ? HTTP_ETOOLARGE : 0;
}

/* Looks whether the head is complete by now. */
static int end_head(struct reading *reading) {
    reading->head[reading->used] = '\0';
    char *end = strstr(reading->head, "\r\n\r\n");
    if (end == NULL) {
        return reading->used == sizeof reading->head - 1 ? HTTP_EANSWER : 0;
    }
    char *page = end + strlen("\r\n\r\n");
    reading->answer.size = reading->used - (size_t)(page - reading->head);
    *end = '\0';
    return parse_head(reading);
}

/* A page whose head does not name its size goes on to the end of the connection. */
static bool is_complete(const struct reading *reading, bool ended) {
    return reading->has_head &&
           (reading->promised < 0 ? ended
                                  : reading->answer.size >= (size_t)reading->promised);
}

static int read_more(struct reading *reading, intptr_t connection, size_t *size,
                     int64_t deadline) {
    char chunk[4096];
    if (reading->has_head) {
        int error = http_receive(connection, chunk, sizeof chunk, size, deadline);
        reading->answer.size += error == 0 ? *size : 0;
        return error;
    }
    int error = http_receive(connection, reading->head + reading->used,
                             sizeof reading->head - 1 - reading->used, size, deadline);
    if (error == 0) {
        reading->used += *size;
        error = end_head(reading);
    }
    return error;
}

static int read_answer(struct reading *reading, intptr_t connection, int64_t deadline) {
    bool ended = false;
    int error = 0;

    while (error == 0 && !is_complete(reading, ended)) {
        size_t size = 0;
        if (ended) {
            return HTTP_EBROKEN;
        }
        error = read_more(reading, connection, &size, deadline);
        ended = size == 0;
        if (error == 0 && reading->answer.size > HTTP_PAGE_MAX) {
            error = HTTP_ETOOLARGE;
        }
    }
    if (error == 0 && reading->promised >= 0) {
        /* What follows is not of the page. */
        reading->answer.size = (size_t)reading->promised;
    }
    return error;
}

int http_get(const char *url, int64_t timeout_ms, struct http_answer *answer) {
    int64_t now = spork_now_ms();
    int64_t deadline =
        timeout_ms < 0 || timeout_ms > INT64_MAX - now ? INT64_MAX : now + timeout_ms;
    char question[QUESTION_ROOM];
    struct address address;
    struct reading reading = {.promised = -1};
    intptr_t connection;

    *answer = reading.answer;
    if (!parse_address(&address, url)) {
        return HTTP_EADDRESS;
    }
    size_t size = write_question(question, sizeof question, &address);
    if (size == 0) {
        return HTTP_EADDRESS;
    }
    int error = http_connect(&connection, address.host, address.port, deadline);
    if (error != 0) {
        return error;
    }
    error = http_send(connection, question, size, deadline);
    if (error == 0) {
        error = read_answer(&reading, connection, deadline);
    }
    http_disconnect(connection);
    *answer = reading.answer;
    bool success = answer->status >= 200 && answer->status <= 299;
    return error == 0 && !success ? HTTP_ESTATUS : error;
}
