/* How far something has come, in words:

       copying  42% [=====>          ]  420/1000  35.2/s 0:17 left

   The bar is ASCII, since the width of other signs depends on the terminal and its font. All
   numbers are printed as integers: the point of printf's fractions depends on the locale. */
#include "progress_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "value_utf8.h"

enum {
    COLUMNS_LEAST = 20,
    COLUMNS_MOST = 4096,
    COLUMNS_ENDLESS = 1 << 20,
    CELLS_LEAST = 5, /* of the bar */
    CELLS_MOST = 60,
    CELLS_READABLE = 10, /* fewer only where there is no room for anything else */
    TITLE_LEAST = 12,    /* columns of a longer title, before other things get room */
    TITLE_BYTES = 1000,  /* characters without a width have no limit but this */
    NUMBER_SIZE = 48
};

bool progress_is_over(const spork_progress *progress) {
    return progress->done >= progress->total;
}

/* ---- titles ---- */

struct range {
    uint32_t first, last;
};

static bool is_among(uint32_t character, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* The columns of a character: only blocks that are two wide, or without a width, as a whole.
   What is missing here is counted as one. */
static int width_of(uint32_t character) {
    static const struct range narrow[] = {
        {0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
    static const struct range wide[] = {
        {0x1100, 0x115F}, {0x231A, 0x231B}, {0x2614, 0x2615}, {0x26A1, 0x26A1},
        {0x2705, 0x2705}, {0x2728, 0x2728}, {0x274C, 0x274C}, {0x2B50, 0x2B50},
        {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
        {0xF900, 0xFAFF}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6},
        {0x16FE0, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F19A},
        {0x1F200, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F90C, 0x1F9FF},
        {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};
    if (is_among(character, narrow, sizeof narrow / sizeof narrow[0])) {
        return 0;
    }
    return is_among(character, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}

/* As it is shown: what is no UTF-8 as a question mark, and a blank in place of a control
   character, which could leave the line. */
struct character {
    char bytes[4];
    size_t size;
    int width;
};

/* Returns the bytes of the title that it stands for; 0 at the title's end. */
static size_t next_character(struct character *character, const char *title) {
    uint32_t code = 0;
    size_t size = 0;
    while (size < sizeof character->bytes && title[size] != '\0') {
        size++;
    }
    if (size == 0) {
        return 0;
    }
    size_t length = value_utf8_next((const unsigned char *)title, size, &code);
    bool is_control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    *character = (struct character){{length == 0 ? '?' : ' '}, .size = 1, .width = 1};
    if (length > 0 && !is_control) {
        memcpy(character->bytes, title, length);
        character->size = length;
        character->width = width_of(code);
    }
    return length > 0 ? length : 1;
}

/* The columns of the whole title; COLUMNS_ENDLESS if it has too many bytes. */
static int title_columns(const char *title) {
    struct character character;
    int columns = 0;
    size_t size = 0;
    for (size_t step; (step = next_character(&character, title)) > 0; title += step) {
        columns += character.width;
        size += character.size;
        if (size > TITLE_BYTES) {
            return COLUMNS_ENDLESS;
        }
    }
    return columns;
}

static void add(struct progress_text *text, const char *words) {
    size_t size = strlen(words);
    if (size >= PROGRESS_TEXT_MOST - text->size) {
        size = PROGRESS_TEXT_MOST - 1 - text->size;
    }
    memcpy(text->text + text->size, words, size);
    text->size += size;
    text->text[text->size] = '\0';
}

/* The title in so many columns at most: with an ellipsis in place of its end, if it has more.
   That is three full stops, as the sign of one column has two in some terminals. */
static void add_title(struct progress_text *text, const char *title, int columns) {
    static const char ellipsis[] = "...";
    bool is_cut = title_columns(title) > columns;
    int room = is_cut ? columns - (int)strlen(ellipsis) : columns;
    struct character character;
    for (size_t step; (step = next_character(&character, title)) > 0; title += step) {
        room -= character.width;
        if (room < 0 || text->size + character.size > TITLE_BYTES) {
            break;
        }
        memcpy(text->text + text->size, character.bytes, character.size);
        text->size += character.size;
    }
    add(text, is_cut ? ellipsis : "");
}

/* ---- numbers ---- */

/* Three digits: "1.25", "35.2", "999", "1.25k". */
static int amount_text(char *text, size_t size, double amount) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    const size_t last = sizeof prefixes / sizeof prefixes[0] - 1;
    size_t thousands = 0;
    while (amount >= 999.5 && thousands < last) {
        amount /= 1000;
        thousands++;
    }
    const char *prefix = prefixes[thousands];
    if (amount >= 999.5) {
        amount = 999;
    }
    int hundredths = (int)(amount * 100 + 0.5);
    int tenths = (int)(amount * 10 + 0.5);
    if (hundredths < 1000) {
        return snprintf(text, size, "%d.%02d%s", hundredths / 100, hundredths % 100,
                        prefix);
    }
    if (tenths < 1000) {
        return snprintf(text, size, "%d.%d%s", tenths / 10, tenths % 10, prefix);
    }
    return snprintf(text, size, "%d%s", (int)(amount + 0.5), prefix);
}

/* A second, a minute or an hour: what leaves a number that is no small fraction. */
static void rate_text(char *text, size_t size, double rate) {
    double amount = rate;
    const char *time = "s";
    if (rate < 1) {
        amount = rate * 60;
        time = "min";
    }
    if (amount < 1) {
        amount = rate * 3600;
        time = "h";
    }
    int length = amount_text(text, size, amount);
    snprintf(text + length, size - (size_t)length, "/%s", time);
}

/* m:ss or h:mm:ss. */
static void time_text(char *text, size_t size, double seconds) {
    const double most = 9999.0 * 3600;
    int whole = seconds < most ? (int)seconds : (int)most;
    int hours = whole / 3600;
    int minutes = whole / 60 % 60;
    if (hours > 0) {
        snprintf(text, size, "%d:%02d:%02d", hours, minutes, whole % 60);
    } else {
        snprintf(text, size, "%d:%02d", minutes, whole % 60);
    }
}

/* Neither negative nor NaN nor without an end. */
static bool is_known(double number) {
    return number >= 0 && number < 1e300;
}

/* What is done, of so many. All of them only at the end: a double is not exact. */
static int share(const spork_progress *progress, int parts) {
    if (progress_is_over(progress)) {
        return parts;
    }
    int done = (int)((double)progress->done * parts / (double)progress->total);
    return done < parts ? done : parts - 1;
}

/* ---- the parts of a line ---- */

struct parts {
    char percent[NUMBER_SIZE];
    char count[NUMBER_SIZE];
    char rate[NUMBER_SIZE]; /* begins with '-' if it is unknown */
    char time[NUMBER_SIZE]; /* the same */
};

static void describe_time(char text[NUMBER_SIZE], const spork_progress *progress) {
    char time[NUMBER_SIZE / 2];
    double left = progress->seconds_left;
    if (progress_is_over(progress)) {
        double seconds = is_known(progress->seconds) ? progress->seconds : 0;
        time_text(time, sizeof time, seconds + 0.5);
        snprintf(text, NUMBER_SIZE, "in %s", time);
    } else if (is_known(left)) {
        /* Rounded up: nothing is left at the end only. */
        time_text(time, sizeof time, left + 0.999);
        snprintf(text, NUMBER_SIZE, "%s left", time);
    } else {
        snprintf(text, NUMBER_SIZE, "-:-- left");
    }
}

static void describe(struct parts *parts, const spork_progress *progress) {
    bool is_over = progress_is_over(progress);
    snprintf(parts->percent, sizeof parts->percent, "%d%%", share(progress, 100));
    snprintf(parts->count, sizeof parts->count, "%" PRIu64 "/%" PRIu64,
             is_over ? progress->total : progress->done, progress->total);
    snprintf(parts->rate, sizeof parts->rate, "-/s");
    if (is_known(progress->rate) && progress->rate > 0) {
        rate_text(parts->rate, sizeof parts->rate, progress->rate);
    }
    describe_time(parts->time, progress);
}

/* Blanks in front, so that what stands behind does not move with each number. */
static void align(char text[NUMBER_SIZE], size_t width) {
    size_t length = strlen(text);
    if (length < width && width < NUMBER_SIZE) {
        memmove(text + width - length, text, length + 1);
        memset(text, ' ', width - length);
    }
}

static void align_all(struct parts *parts) {
    enum { PERCENT_WIDTH = 4, RATE_WIDTH = 7, TIME_WIDTH = 9 };
    const char *total = strchr(parts->count, '/') + 1;
    align(parts->percent, PERCENT_WIDTH);
    align(parts->count, 2 * strlen(total) + 1);
    align(parts->rate, RATE_WIDTH);
    align(parts->time, TIME_WIDTH);
}

/* ---- the lines ---- */

/* Columns of each; 0: there was no room. */
struct layout {
    int title;
    int cells;
    bool has_time, has_count, has_rate;
};

static int least(int one, int other) {
    return one < other ? one : other;
}

/* Takes room for a part and the blank before it, if that leaves so much. */
static bool take(int *left, const char *part, int leave) {
    int wanted = (int)strlen(part) + 1;
    if (*left < wanted + leave) {
        return false;
    }
    *left -= wanted;
    return true;
}

/* What matters most gets its room first: a part of the title, the time, the count, the rate. */
static struct layout lay_out(int title_width, const struct parts *parts, int columns) {
    enum { FRAME = 3, TO_READABLE = CELLS_READABLE - CELLS_LEAST }; /* " []" */
    struct layout layout = {.cells = CELLS_LEAST};
    int width = (columns < COLUMNS_LEAST ? COLUMNS_LEAST : least(columns, COLUMNS_MOST)) - 1;
    int left = width - (int)strlen(parts->percent) - FRAME - CELLS_LEAST;
    if (title_width > 0) {
        layout.title = least(least(title_width, TITLE_LEAST), left - 1);
        left -= layout.title + 1;
    }
    layout.has_time = take(&left, parts->time, 0);
    layout.has_count = take(&left, parts->count, TO_READABLE);
    layout.has_rate = layout.has_count && take(&left, parts->rate, TO_READABLE);
    if (left > TO_READABLE) {
        int more = least(title_width - layout.title, left - TO_READABLE);
        layout.title += more;
        left -= more;
    }
    layout.cells += least(left, CELLS_MOST - CELLS_LEAST);
    return layout;
}

static void add_bar(struct progress_text *text, const spork_progress *progress,
                    int cells) {
    char bar[CELLS_MOST + 1];
    int filled = share(progress, cells);
    memset(bar, ' ', (size_t)cells);
    memset(bar, '=', (size_t)filled);
    bar[cells] = '\0';
    if (filled > 0 && filled < cells) {
        bar[filled - 1] = '>';
    }
    add(text, " [");
    text->filled_from = text->size;
    text->filled_size = (size_t)filled;
    add(text, bar);
    add(text, "]");
}

static void add_part(struct progress_text *text, const char *before, const char *part) {
    add(text, before);
    add(text, part);
}

static void begin(struct progress_text *text) {
    text->text[0] = '\0';
    text->size = text->filled_from = text->filled_size = 0;
}

void progress_text_line(struct progress_text *text, const char *title,
                        const spork_progress *progress, int columns) {
    struct parts parts;
    title = title != NULL ? title : "";
    begin(text);
    describe(&parts, progress);
    align_all(&parts);
    struct layout layout = lay_out(title_columns(title), &parts, columns);
    if (layout.title > 0) {
        add_title(text, title, layout.title);
        add(text, " ");
    }
    add(text, parts.percent);
    add_bar(text, progress, layout.cells);
    if (layout.has_count) {
        add_part(text, " ", parts.count);
    }
    if (layout.has_rate) {
        add_part(text, " ", parts.rate);
    }
    if (layout.has_time) {
        add_part(text, " ", parts.time);
    }
}

void progress_text_plain(struct progress_text *text, const char *title,
                         const spork_progress *progress) {
    struct parts parts;
    title = title != NULL ? title : "";
    begin(text);
    describe(&parts, progress);
    if (title[0] != '\0') {
        add_title(text, title, COLUMNS_ENDLESS - 1);
        add(text, ": ");
    }
    add(text, parts.percent);
    add_part(text, ", ", parts.count);
    if (parts.rate[0] != '-') {
        add_part(text, ", ", parts.rate);
    }
    if (parts.time[0] != '-') {
        add_part(text, ", ", parts.time);
    }
}

size_t spork_progress_format(const char *title, const spork_progress *progress,
                             int columns, char *text, size_t size) {
    struct progress_text line;
    begin(&line);
    if (progress != NULL) {
        progress_text_line(&line, title, progress, columns);
    }
    if (text != NULL && size > 0) {
        size_t fits = line.size < size ? line.size : size - 1;
        memcpy(text, line.text, fits);
        text[fits] = '\0';
    }
    return line.size;
}
