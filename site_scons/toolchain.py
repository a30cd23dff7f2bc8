"""How the build compiles, links, tests and installs for a target. See SConstruct."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

from SCons.Script import (Action, AlwaysBuild, Alias, Depends, Dir, Exit, File, GetOption, Glob,
                          SideEffect)

TARGETS = ['linux', 'win64']
MODES = ['debug', 'release', 'asan', 'ubsan', 'tsan']
MINGW = 'x86_64-w64-mingw32'

# What ci/setup fetches; the version is pinned there.
CMOCKA = 'build/deps/cmocka'
PRIVATE_INCLUDE = 'build/deps/include'

TOOLS = ['gcc', 'gnulink', 'ar', 'install', 'textfile']
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow']
MODE_FLAGS = {
    'debug': ['-O0', '-g'],
    'release': ['-O2', '-g'],
    'asan': ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined',
             '-fno-sanitize-recover=undefined'],
    'ubsan': ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=undefined',
              '-fno-sanitize-recover=undefined'],
    'tsan': ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=thread'],
}
FUZZ_FLAGS = ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined']
SLOWNESS = {'asan': 3, 'ubsan': 2, 'tsan': 5}

# What tools need of the caller's environment, and nothing else.
PASSED_ON = ['PATH', 'HOME', 'TERM', 'TMPDIR', 'LANG', 'PKG_CONFIG_PATH', 'WINEPREFIX',
             'WINEDEBUG', 'WINEDLLOVERRIDES', 'SPORK_WINE_READY', 'SOURCE_DATE_EPOCH']

_said = set()
_made_for = []


def say(text):
    """One line, once."""
    if text not in _said:
        _said.add(text)
        print('scons: ' + text)


def fail(text):
    print('scons: ' + text)
    Exit(2)


# ---- Targets ----

def mingw_compiler():
    """The win32 thread model where there is a choice: the other one drags a DLL along."""
    for name in (MINGW + '-gcc-win32', MINGW + '-gcc'):
        if shutil.which(name):
            return name
    return None


def _obstacle(env, target):
    """Why a target cannot be built here, or None."""
    sanitizer = env['mode'] in ('asan', 'ubsan', 'tsan')
    if target == 'win64' and sanitizer:
        return 'mode=%s is for linux' % env['mode']
    if target == 'win64' and not mingw_compiler():
        return 'mingw-w64 is not installed (ci/setup installs it)'
    if target == 'linux' and not sys.platform.startswith('linux'):
        return 'this is not a Linux system'
    if target == 'linux' and not shutil.which(env.subst('$CC')):
        return 'there is no %s' % env.subst('$CC')
    return None


def chosen_targets(env, asked):
    """With `all`, what is impossible is left out with a word; else it is an error."""
    possible = []
    for target in TARGETS:
        if target not in env['target']:
            continue
        obstacle = _obstacle(env, target)
        if not obstacle:
            possible.append(target)
        elif asked == 'all':
            say('%s is left out: %s' % (target, obstacle))
        else:
            fail('%s cannot be built: %s' % (target, obstacle))
    if not possible:
        fail('there is no target to build')
    _made_for[:] = possible
    return possible


def first_target():
    return _made_for[0]


# ---- Environments ----

def version():
    with open(File('#include/spork/version.h').abspath, encoding='utf-8') as file:
        found = re.search(r'SPORK_VERSION_STRING\s+"([0-9.]+)"', file.read())
    if not found:
        fail('include/spork/version.h does not define SPORK_VERSION_STRING')
    return found.group(1)


def _short_messages(env):
    env.Replace(CCCOMSTR='  compile  $TARGET', SHCCCOMSTR='  compile  $TARGET',
                ARCOMSTR='  archive  $TARGET', RANLIBCOMSTR='  index    $TARGET',
                LINKCOMSTR='  link     $TARGET', SHLINKCOMSTR='  link     $TARGET',
                INSTALLSTR='  install  $TARGET')


def base_environment(make, variables):
    env = make(variables=variables, tools=TOOLS,
               ENV={name: os.environ[name] for name in PASSED_ON if name in os.environ})
    if not env['verbose']:
        _short_messages(env)
    env['VERSION'] = version()
    return env


def _link_msgpack():
    """A directory with links to msgpack's headers alone: a compiler for Windows must not see
    the rest of the system's include directory."""
    place = Dir('#' + PRIVATE_INCLUDE).abspath
    names = ('msgpack', 'msgpack.h')
    if all(os.path.exists(os.path.join(place, name)) for name in names):
        return
    for package in ('msgpack-c', 'msgpack'):
        try:
            found = subprocess.run(['pkg-config', '--variable=includedir', package], check=False,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            fail('pkg-config is not installed (ci/setup installs it)')
        system = found.stdout.decode().strip()
        if found.returncode == 0 and os.path.exists(os.path.join(system, 'msgpack.h')):
            break
    else:
        fail('the headers of msgpack-c are not installed (ci/setup installs them)')
    os.makedirs(place, exist_ok=True)
    for name in names:
        link = os.path.join(place, name)
        if os.path.islink(link):
            os.unlink(link)
        os.symlink(os.path.join(system, name), link)


def target_environment(base, target):
    _link_msgpack()
    env = base.Clone(SYSTEM=target)
    env['ENV'] = dict(base['ENV'])
    env['LABEL'] = '%s-%s' % (target, env['mode'])
    env['MODE_FLAGS'] = MODE_FLAGS[env['mode']]
    # Directories of ours are searched for "quoted" includes only: src has a process.h and an
    # error.h, as systems have. <spork.h>, as users write it, is found in include.
    env.Replace(INCPREFIX='-iquote')
    env.Append(CFLAGS=['-std=c11'], CPPPATH=['#include', '#src'],
               CCFLAGS=['-fvisibility=hidden'] + WARNINGS + env['MODE_FLAGS']
               + ['-Iinclude', '-isystem', PRIVATE_INCLUDE],
               LINKFLAGS=[flag for flag in env['MODE_FLAGS'] if flag.startswith('-f')])
    if env['werror']:
        env.Append(CCFLAGS=['-Werror'])
    (_set_up_linux if target == 'linux' else _set_up_win64)(env)
    return env


def _set_up_linux(env):
    # An archiver of the compiler's own kind is not needed: there is no LTO.
    env.Replace(BACKEND='posix', PRIVATE_LIBS='-pthread', SOCKET_LIBS=[])
    # Without stubs: what a forked child is the first to call is found already.
    env.Append(CCFLAGS=['-pthread', '-fno-plt'], LINKFLAGS=['-pthread'])


def _set_up_win64(env):
    env.Replace(BACKEND='win32', PRIVATE_LIBS='-lbcrypt', CC=mingw_compiler(), AR=MINGW + '-ar',
                RANLIB=MINGW + '-ranlib', PROGSUFFIX='.exe', SHLIBPREFIX='', SHLIBSUFFIX='.dll',
                SHCCFLAGS=['$CCFLAGS'])
    env.Append(CPPDEFINES=[('__USE_MINGW_ANSI_STDIO', '1')], LINKFLAGS=['-static-libgcc'],
               LIBS=['bcrypt'])
    env['SOCKET_LIBS'] = ['ws2_32']  # for examples: the library has no sockets here


def libuv_environment(env):
    """For the example with libuv, which polls descriptors only; None: it is left out."""
    if env['SYSTEM'] != 'linux':
        return None
    with_libuv = env.Clone()
    with_libuv.Append(CPPDEFINES=['_GNU_SOURCE'])  # uv.h takes more than C has
    try:
        with_libuv.ParseConfig('pkg-config --cflags --libs libuv 2>/dev/null')
    except OSError:
        say('the example with libuv is left out: libuv is not installed (ci/setup installs it)')
        return None
    return with_libuv


def shared_library(env, objects):
    """Linux: libspork.so, libspork.so.0 and the file; win64: the DLL and its import library."""
    major = env['VERSION'].split('.')[0]
    if env['SYSTEM'] == 'linux':
        if env['mode'] in ('debug', 'release'):
            env.Append(LINKFLAGS=['-Wl,-z,defs'])
        return env.SharedLibrary('spork', objects, SHLIBVERSION=env['VERSION'])
    env.Append(LINKFLAGS=['-Wl,--out-implib,${TARGETS[1]}'])
    return env.SharedLibrary(['libspork-%s.dll' % major, 'libspork.dll.a'], objects)


# ---- Installation ----

def add_installation(env, static_library, shared):
    prefix = env.subst('$PREFIX')
    if env['SYSTEM'] == 'win64':
        prefix += '/' + MINGW
    # A '#' in front keeps a relative DESTDIR relative to the project, not to the variant.
    root = env.subst('$DESTDIR') + prefix
    root = root if os.path.isabs(root) else '#' + root
    description = env.Substfile('spork.pc', '#spork.pc.in', SUBST_DICT={
        '@PREFIX@': prefix, '@VERSION@': env['VERSION'], '@LIBS@': env['PRIVATE_LIBS']})
    done = env.Install(root + '/include', Glob('#include/*.h'))
    done += env.Install(root + '/include/spork', Glob('#include/spork/*.h'))
    done += env.Install(root + '/lib', static_library)
    done += env.Install(root + '/lib/pkgconfig', description)
    if env['SYSTEM'] == 'linux':
        done += env.InstallVersionedLib(root + '/lib', shared, SHLIBVERSION=env['VERSION'])
    else:
        done += env.Install(root + '/bin', shared[0])
        done += env.Install(root + '/lib', shared[1])
    Alias('install', done)


# ---- Tests ----

def cmocka_directory():
    return CMOCKA if os.path.exists(File('#%s/src/cmocka.c' % CMOCKA).abspath) else None


def _add_run(env, runner, what, programs, helpers=()):
    """What the target test does with these programs: tests/run.py or one of its kind."""
    command = [sys.executable, runner, '--label', '%s-%s' % (env['LABEL'], what),
               '--junit', 'build/%s/%s.xml' % (env['LABEL'], what),
               '--jobs', str(GetOption('num_jobs')),
               '--slowness', str(SLOWNESS.get(env['mode'], 1))]
    if env['test']:
        command += ['--filter', env['test'], '--allow-none']
    if env['SYSTEM'] == 'win64' and os.name != 'nt':
        if not shutil.which('wine'):
            say_when('test', 'the tests of win64 are left out: there is no wine')
            return
        command += ['--wrapper', 'wine', '--slowness', '3']
    command = ' '.join(map(shlex.quote, command + [program.path for program in programs]))
    if '--wrapper' in command:
        command = 'bash -c %s' % shlex.quote('. ci/wine-env && wine_start && ' + command)
    stamp = env.Command(what + '-run', list(programs) + list(helpers),
                        Action(command.replace('$', '$$'),
                               '%s for %s' % (what.capitalize(), env['LABEL'])))
    AlwaysBuild(stamp)
    # Two runs at once would mix their output, and starve each other into time-outs.
    SideEffect('#build/the-terminal', stamp)
    Alias('test', stamp)


def add_test_run(env, tests, helpers, examples):
    if tests:
        _add_run(env, 'tests/run.py', 'tests', tests, helpers)
    else:
        say_when('test', 'there is nothing to run for ' + env['LABEL'],
                 code=0 if cmocka_directory() else 2)
    if examples:
        _add_run(env, 'tests/run_examples.py', 'examples', examples)


# ---- Benchmarks ----

# Peers that are libraries: the file of bench/peers, a header, and the libraries to try in turn.
# libuv is in the program that measures starts of itself: loading it would make each one slower.
PEERS = {
    'boost.cpp': ('boost/interprocess/ipc/message_queue.hpp', [['stdc++']]),
    'zmq.c': ('zmq.h', [['zmq']]),
    'nng.c': ('nng/nng.h', [['nng']]),  # Debian's has nothing for pkg-config
    'libuv.c': ('uv.h', [['uv_a', 'dl'], ['uv']]),
}
POSIX_PEERS = ['posix.c', 'python.c']
PEER_SCRIPT = 'bench/peers/peer.py'


def _has_library(compiler, language, header, libraries):
    text = ('#if !__has_include(<%s>)\n#error\n#endif\nint main() { return 0; }\n' % header)
    command = [compiler, '-x', language, '-', '-o', os.devnull] + ['-l' + name
                                                                   for name in libraries]
    try:
        return subprocess.run(command, input=text.encode(), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _peer_libraries(env, name):
    """The libraries that a peer takes, or None: it is not to be had."""
    if env['BACKEND'] != 'posix':
        return None
    if name in POSIX_PEERS:
        return []
    header, choices = PEERS[name]
    is_cpp = name.endswith('.cpp')
    for libraries in choices:
        if _has_library(env['CXX'] if is_cpp else env.subst('$CC'), 'c++' if is_cpp else 'c',
                        header, libraries):
            return libraries
    say('the benchmarks are built without the peer %s (ci/setup bench installs it)'
        % os.path.splitext(name)[0])
    return None


def bench_peers(env):
    """An environment for the benchmarks, and the sources of the peers that there are; those of
    bench/peers/absent stand in for the others."""
    env = env.Clone(tools=['g++'], CXX='g++', CXXFLAGS=['-std=c++14'])
    env.Replace(INCPREFIX='-iquote')  # which the tool has set anew
    env.Append(LINKFLAGS=['-Wl,--as-needed'],
               CPPDEFINES=[('BENCH_PEER_SCRIPT', '\\"%s\\"' % File('#' + PEER_SCRIPT).abspath)])
    if not env['verbose']:
        env.Replace(CXXCOMSTR='  compile  $TARGET')
    sources = []
    for name in list(PEERS) + POSIX_PEERS:
        libraries = _peer_libraries(env, name)
        if libraries is None:
            sources += Glob('bench/peers/absent/%s.c' % os.path.splitext(name)[0])
        else:
            sources += Glob('bench/peers/' + name)
            env.Append(LIBS=libraries)
    return env, sources


def add_bench_run(env, programs):
    """What the target bench does: bench/report.py with the chosen programs."""
    chosen = [program for program in programs
              if env['bench'] in ('', os.path.splitext(program.name)[0])]
    if not chosen:
        fail('there is no benchmark %s' % env['bench'])
    command = [sys.executable, 'bench/report.py', '--rounds', env['rounds'],
               '--out', 'build/bench/' + env['SYSTEM']]
    if env['SYSTEM'] == 'win64' and os.name != 'nt':
        if not shutil.which('wine'):
            say_when('bench', 'the benchmarks of win64 are left out: there is no wine')
            return
        command += ['--wrapper', 'wine']
    command = ' '.join(map(shlex.quote, command + [program.path for program in chosen]))
    if '--wrapper' in command:
        command = 'bash -c %s' % shlex.quote('. ci/wine-env && wine_start && ' + command)
    stamp = env.Command('bench-run', chosen, Action(command.replace('$', '$$'),
                                                    'Benchmarks for %s' % env['LABEL']))
    AlwaysBuild(stamp)
    SideEffect('#build/the-terminal', stamp)
    Alias('bench', stamp)


# ---- The other targets ----

def say_when(name, text, code=0):
    """Lets the target `name` say a line, in place of or beside what it builds; with a code
    other than 0 it fails."""
    def speak(target, source, env):
        say(text)
        return code

    Alias(name, [], Action(speak, None))
    AlwaysBuild(name)


def _run(name, command, env):
    AlwaysBuild(Alias(name, [], Action(command, None if env['verbose'] else '')))


def _c_files():
    found = []
    for pattern in ('include', 'include/spork', 'src', 'src/posix', 'src/win32', 'tests',
                    'tests/cmocka', 'tests/programs', 'examples', 'examples/support', 'bench',
                    'bench/support', 'bench/peers', 'bench/peers/absent'):
        found += Glob('#%s/*.c' % pattern) + Glob('#%s/*.h' % pattern)
    return [node.path for node in found]


def _add_fuzzers(env):
    fuzzers = Glob('#tests/fuzz_*.c')
    clang = 'clang' if shutil.which('clang') else None
    if not fuzzers or not clang or 'linux' not in _made_for:
        say_when('fuzz', 'fuzz is skipped: ' + ('there is no tests/fuzz_*.c' if not fuzzers else
                                                'it needs clang, on Linux'))
        return
    fuzz = target_environment(env, 'linux')
    fuzz.Replace(CC=clang, CCFLAGS=[flag for flag in fuzz['CCFLAGS']
                                    if flag not in fuzz['MODE_FLAGS']] + FUZZ_FLAGS,
                 LINKFLAGS=['-pthread'] + FUZZ_FLAGS, OBJPREFIX='')
    fuzz.Append(CPPDEFINES=['SPORK_STATIC'])
    place = '#build/linux-fuzz/'
    library = [fuzz.StaticObject(place + node.path[:-2] + '.o', node, CCFLAGS=fuzz['CCFLAGS']
                                 + ['-fsanitize=fuzzer-no-link'])
               for node in Glob('#src/*.c') + Glob('#src/posix/*.c')]
    for source in fuzzers:
        name = source.name[:-2]
        fuzzer = fuzz.Program(place + name, [
            fuzz.StaticObject(place + name + '.o', source,
                              CCFLAGS=fuzz['CCFLAGS'] + ['-fsanitize=fuzzer-no-link']),
            library], LINKFLAGS=fuzz['LINKFLAGS'] + ['-fsanitize=fuzzer'])
        run = fuzz.Command(place + name + '.run', fuzzer, Action(
            '$SOURCE -max_total_time=$fuzz_seconds -artifact_prefix=build/linux-fuzz/%s- '
            '-print_final_stats=1 build/linux-fuzz/%s.corpus' % (name, name),
            'Fuzzing with %s' % name))
        os.makedirs(Dir(place + name + '.corpus').abspath, exist_ok=True)
        AlwaysBuild(run)
        Alias('fuzz', run)


def _objects(nodes, seen):
    """The object files that these nodes are made of, once each."""
    for node in nodes:
        if node in seen:
            continue
        seen.add(node)
        if node.sources and str(node.sources[0]).endswith('.c'):
            yield node
        else:
            yield from _objects(node.sources, seen)


def compilation_database(env, products):
    """compile_commands.json. SCons' own tool of this name writes it anew each time."""
    entries = []
    for node in _objects(products, set()):
        command = '$SHCCCOM' if str(node).endswith('.os') else '$CCCOM'
        entries.append({
            'directory': Dir('#').abspath, 'file': node.sources[0].srcnode().path,
            'output': node.path,
            'command': node.get_build_env().subst(command, target=[node], source=node.sources)})
    text = json.dumps(entries, indent=2) + '\n'

    def write(target, source, env):
        with open(target[0].abspath, 'w', encoding='utf-8') as file:
            file.write(text)

    return env.Command('compile_commands.json', env.Value(text),
                       Action(write, '  write    $TARGET'))


def add_tools(env, targets):
    python = shlex.quote(sys.executable)
    docs = python + ' ci/check-docs '
    library = 'build/linux-%s/libspork.a' % env['mode']
    can_run = 'linux' in _made_for and env['mode'] in ('debug', 'release')
    docs += '--library ' + library if can_run else '--no-programs'
    _run('check', [python + ' ci/check-structure', python + ' ci/check-listings',
                   python + ' ci/check-headers', docs], env)
    if can_run:
        Depends(Alias('check'), '#' + library)
    if shutil.which('clang-format'):
        _run('format', 'clang-format -i ' + ' '.join(map(shlex.quote, _c_files())), env)
    else:
        say_when('format', 'format is skipped: there is no clang-format')
    _add_fuzzers(env)
