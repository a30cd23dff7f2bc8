/* The console that the standard error may be.

   Escape sequences would need a mode of the console, which is all its processes': who turns it
   on, and back, would do so under the hands of another. So the line is written, and then its
   cells are given their colour. Text goes as UTF-16, for which no code page matters. */
#include "native.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_UNKNOWN = 80 };

/* NULL: it is none. */
static HANDLE console(void) {
    HANDLE handle = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode;
    if (handle == INVALID_HANDLE_VALUE || !GetConsoleMode(handle, &mode)) {
        return NULL;
    }
    return handle;
}

int plat_terminal_columns(void) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    HANDLE handle = console();
    if (handle == NULL) {
        return 0;
    }
    if (!GetConsoleScreenBufferInfo(handle, &info)) {
        return COLUMNS_UNKNOWN;
    }
    return info.srWindow.Right - info.srWindow.Left + 1;
}

/* Over the line; the cursor stands behind it then. */
static void write_line(HANDLE handle, const struct plat_terminal_line *line) {
    wchar_t wide[PLAT_LINE_MOST + 1] = L"\r";
    DWORD written;
    int length = MultiByteToWideChar(CP_UTF8, 0, line->text, (int)line->size, wide + 1,
                                     PLAT_LINE_MOST);
    WriteConsoleW(handle, wide, (DWORD)length + 1, &written, NULL);
}

/* A byte is a column from the coloured part on, so it is found from the line's end: only the
   console knows how wide its font shows what stands before. */
static void colour(HANDLE handle, const struct plat_terminal_line *line, WORD attributes,
                   COORD end) {
    const WORD background = 0xF0;
    DWORD written;
    int column = end.X - (int)(line->size - line->coloured_from);
    if (column >= 0 && line->coloured_size > 0) {
        COORD begin = {(SHORT)column, end.Y};
        FillConsoleOutputAttribute(handle, (attributes & background) | FOREGROUND_GREEN,
                                   (DWORD)line->coloured_size, begin, &written);
    }
}

void plat_terminal_draw(const struct plat_terminal_line *line) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    HANDLE handle = console();
    DWORD written;
    if (handle == NULL || line->size > PLAT_LINE_MOST) {
        return;
    }
    fflush(stderr);
    write_line(handle, line);
    if (GetConsoleScreenBufferInfo(handle, &info)) {
        COORD end = info.dwCursorPosition;
        DWORD rest = (DWORD)(info.dwSize.X - end.X);
        colour(handle, line, info.wAttributes, end);
        FillConsoleOutputCharacterW(handle, L' ', rest, end, &written);
        FillConsoleOutputAttribute(handle, info.wAttributes, rest, end, &written);
    }
    if (line->ends) {
        WriteConsoleW(handle, L"\r\n", 2, &written, NULL);
    }
}
