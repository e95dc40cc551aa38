#!/usr/bin/env python3
"""Runs the SQL conformance files and the client smoke tests against a node, and keeps the lists of what passes.

    tests/conformance.py slt     HOST:PORT            the listed files; one that fails is a failure
    tests/conformance.py clients HOST:PORT            all clients; a listed check that fails is a failure
    tests/conformance.py slt     HOST:PORT --update   runs all files and adds those that pass whole
    tests/conformance.py clients HOST:PORT --update   adds the checks that pass

tests/passing/slt.txt and tests/passing/clients.txt only grow: a line that the last commit (or the one before) had and
that is gone is a failure too. The sets lie in ../shared, or where CONFORMANCE_SETS says. The last line is
`N passed, M failed`: files or checks that are listed.
"""
import argparse, os, re, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get('CONFORMANCE_SETS', os.path.join(ROOT, '..', 'shared'))
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')), 'distdb-clients')
FILE_LINE = re.compile(r'^(?:ok  |FAIL) (.+): (\d+)/(\d+) \(')


def list_path(kind):
    return os.path.join('tests', 'passing', kind + '.txt')


def entries(text):
    return [line for line in text.splitlines() if line and not line.startswith('#')]


def read_list(kind):
    try:
        with open(os.path.join(ROOT, list_path(kind))) as file:
            return entries(file.read())
    except FileNotFoundError:
        return []


def write_list(kind, names):
    with open(os.path.join(ROOT, list_path(kind)), 'w') as file:
        file.write('# What passes, kept by tests/conformance.py --update; lines are added, never removed.\n')
        file.writelines(name + '\n' for name in sorted(names))


def lost_lines(kind, listed):
    """Lines that the history has and the list has not."""
    lost = set()
    for commit in ('HEAD', 'HEAD^'):
        shown = subprocess.run(['git', '-C', ROOT, 'show', '%s:%s' % (commit, list_path(kind))],
                               capture_output=True, text=True)
        if shown.returncode == 0:
            lost |= set(entries(shown.stdout)) - set(listed)
    return sorted(lost)


def slt_files(folder):
    found = []
    for top, folders, files in os.walk(folder):
        folders.sort()
        found += [os.path.join(top, name) for name in sorted(files) if name.endswith(('.slt', '.test'))]
    return found


def run_slt(address, listed, update, seconds):
    """Names of the files that passed whole, and all that were run to their end within the time."""
    base = os.path.realpath(os.path.join(SHARED, 'slt'))
    if update:
        files = slt_files(os.path.join(base, 'pg')) + slt_files(os.path.join(base, 'sqlite'))
    else:
        files = [file for file in (os.path.join(base, name) for name in listed) if os.path.exists(file)]
    if not files:
        return set(), set()
    command = [sys.executable, os.path.join(base, 'run_slt.py'), address] + files
    command += ['-j', '2', '--timeout', '10', '--max-lost', '1']
    common = os.path.commonpath([os.path.dirname(file) for file in files])
    passed, run = set(), set()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + seconds
    try:
        for line in process.stdout:
            match = FILE_LINE.match(line)
            if match:
                name = os.path.relpath(os.path.join(common, match[1]), base)
                run.add(name)
                if match[2] == match[3]:
                    passed.add(name)
                elif name in listed:
                    print('FAIL %s: %s of %s records' % (name, match[2], match[3]))
            elif line.startswith('    ') and not update:
                print(line.rstrip())
            if time.monotonic() > end:
                print('gave up after %d s' % seconds)
                break
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15)
        process.wait()
    return passed, run


def run_clients(address, listed, seconds):
    """Names `client/check` of the checks that passed, and all that were run."""
    base = os.path.realpath(os.path.join(SHARED, 'clients'))
    os.makedirs(CACHE, exist_ok=True)
    subprocess.run(['sh', os.path.join(base, 'setup.sh'), CACHE], check=True, stdout=sys.stderr)
    passed, run = set(), set()
    with tempfile.TemporaryDirectory() as logs:
        environment = dict(os.environ, LOG=logs, LIMIT=str(max(30, seconds // 5)))
        subprocess.run(['sh', os.path.join(base, 'run_all.sh'), address, CACHE], env=environment, check=False)
        for file in sorted(os.listdir(logs)):
            with open(os.path.join(logs, file), errors='replace') as log:
                for line in log:
                    name = '%s/%s' % (file[:-len('.log')], line[5:].strip())
                    if line.startswith('ok '):
                        passed.add(name)
                        run.add(name)
                    elif line.startswith('FAIL '):
                        # The reason follows the name; a name may hold ': ' itself.
                        known = [entry for entry in listed if name.startswith(entry + ': ')]
                        run.add(max(known, key=len) if known else name)
                        if known:
                            print('FAIL ' + name)
    return passed, run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=['slt', 'clients'])
    parser.add_argument('address')
    parser.add_argument('--update', action='store_true', help='add what passes now')
    parser.add_argument('--seconds', type=int, default=0, help='most time to take (default 600; 3600 with --update)')
    options = parser.parse_args()
    if not os.path.isdir(os.path.join(SHARED, options.kind)):
        sys.exit('there is no %s; say where the sets lie with CONFORMANCE_SETS' % os.path.join(SHARED, options.kind))
    seconds = options.seconds or (3600 if options.update else 600)
    listed = read_list(options.kind)
    if options.kind == 'slt':
        passed, run = run_slt(options.address, listed, options.update, seconds)
    else:
        passed, run = run_clients(options.address, listed, seconds)
    new = sorted(passed - set(listed))
    if options.update:
        write_list(options.kind, set(listed) | passed)
        print('%d of %d pass, %d added' % (len(passed), len(run), len(new)))
    elif new:
        print('%d more pass than are listed: tests/conformance.py %s HOST:PORT --update' % (len(new), options.kind))
    broken = [name for name in listed if name not in passed]
    for name in broken:
        if name not in run:
            print('FAIL %s: did not run' % name)
    lost = lost_lines(options.kind, listed)
    for name in lost:
        print('FAIL %s: was taken off %s' % (name, list_path(options.kind)))
    print('%d passed, %d failed' % (len(listed) - len(broken), len(broken) + len(lost)))
    return 1 if broken or lost else 0


if __name__ == '__main__':
    sys.exit(main())
