/* What a symbol needs to be seen outside the library. The one public header in which a
   platform may be asked for. */
#ifndef SPORK_EXPORT_H
#define SPORK_EXPORT_H

#if defined(_WIN32) && !defined(SPORK_STATIC)
#if defined(SPORK_BUILDING)
#define SPORK_API __declspec(dllexport)
#else
#define SPORK_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define SPORK_API __attribute__((visibility("default")))
#else
#define SPORK_API
#endif

#if defined(__GNUC__)
#define SPORK_UNUSED __attribute__((unused))
#define SPORK_BEFORE_MAIN __attribute__((constructor, unused))
#ifdef __MINGW32__
#define SPORK_PRINTF(at, first) __attribute__((__format__(gnu_printf, at, first)))
#else
#define SPORK_PRINTF(at, first) __attribute__((__format__(__printf__, at, first)))
#endif
#else
#error "spork needs a compiler that runs functions before main: gcc, clang or mingw-w64"
#endif

#ifdef __cplusplus
#define SPORK_BEGIN extern "C" {
#define SPORK_END }
#else
#define SPORK_BEGIN
#define SPORK_END
#endif

#endif
