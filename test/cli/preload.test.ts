/* Programs that insist on a character device: what `afukit run` preloads, where it comes from, and when it cannot be had. */
import assert from 'node:assert/strict';
import { chmod, chown, copyFile, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { cProgram } from '../support/clients.ts';
import { afukit, place, type Place } from '../support/cli.ts';
import { afukitOn } from '../support/machine.ts';
import { any, isRoot, noCompiler, noFuse, noPython, notRoot, type Skip } from '../support/needs.ts';
import type { Ending } from '../support/program.ts';

const run = (t: TestContext, where: Place, ...args: readonly string[]): Promise<Ending> =>
  afukit(t, where, ['run', ...args]).ended;

/** The lines of a program that ended well, with nothing said by anybody else. */
async function linesOf(t: TestContext, where: Place, ...args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(t, where, ...args);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

/** The same place, with other variables. */
const withEnv = (where: Place, env: NodeJS.ProcessEnv): Place => ({ ...where, env: { ...where.env, ...env } });

const KIND = ['stat', '-c', '%F %t:%T', '/dev/cxl/afu0.0s'] as const;
const CHARACTER = 'character special file f2:3';
const REGULAR = 'regular empty file 0:0';

const skip = any(noFuse(), noCompiler(), isRoot && notRoot());

/** What test/programs/libcxl-open.c says of one good open. */
const opened = (name: string, minor: number, mode: number, slave: number): string[] => {
  const [, card, slice] = /afu(\d)\.(\d)/.exec(name)!;
  return [
    `character device 242:${minor}`,
    `node /dev/cxl/${name}`,
    `GET_AFU_ID card ${card} afu ${slice} mode ${mode} flags ${slave}`,
    `/sys/class/cxl/${name} api_version_compatible 1`,
    `opened ${name}`,
  ];
};

describe('libcxl’s opening sequence', { skip, concurrency: 2 }, () => {
  it('directed AFUs: cards and AFUs are enumerated, master and slave views open', async t => {
    assert.deepEqual(await linesOf(t, await place(t), cProgram('libcxl-open')), [
      'card card0',
      'afu afu0.0 of card0',
      'afu afu0.1 of card0',
      'open_h afu0.0 d',
      'failed ENODEV',
      'open_h afu0.0 m',
      ...opened('afu0.0m', 2, 2, 0),
      'open_h afu0.0 s',
      ...opened('afu0.0s', 3, 2, 1),
      'open_h afu0.1 d',
      'failed ENODEV',
      'open_h afu0.1 m',
      ...opened('afu0.1m', 5, 2, 0),
      'open_h afu0.1 s',
      ...opened('afu0.1s', 6, 2, 1),
    ]);
  });

  it('a dedicated AFU on card 2: the dedicated view opens', async t => {
    const where = await place(t);
    const config = `export default { adapters: [{ card: 2, afus: [{ model: 'echo', modes: ['dedicated_process'] }] }] };`;
    await writeFile(join(where.project, 'afukit.config.mjs'), config);
    assert.deepEqual(await linesOf(t, where, cProgram('libcxl-open')), [
      'card card2',
      'afu afu2.0 of card2',
      'open_h afu2.0 d',
      ...opened('afu2.0d', 27, 1, 0),
      'open_h afu2.0 m',
      'failed ENODEV',
      'open_h afu2.0 s',
      'failed ENODEV',
    ]);
  });

  it('by path, by a link to it, and by descriptor', async t => {
    const where = await place(t);
    const link = join(where.project, 'link');
    await symlink('/dev/cxl/afu0.1m', link);
    for (const args of [['/dev/cxl/afu0.1m'], [link], ['--fd', '/dev/cxl/afu0.1m']]) {
      assert.deepEqual(await linesOf(t, where, cProgram('libcxl-open'), ...args), opened('afu0.1m', 5, 2, 0));
    }
  });

  it('--no-preload: it is a regular file, which libcxl refuses', async t => {
    const where = await place(t);
    const { code, stdout, stderr } = await run(t, where, '--no-preload', cProgram('libcxl-open'), '/dev/cxl/afu0.0s');
    assert.deepEqual([code, stdout, stderr], [1, 'failed ENODEV\n', '']);
    const variables = await run(t, where, '--no-preload', 'sh', '-c', 'echo "$LD_PRELOAD$AFUKIT_PRELOAD_DEV"');
    assert.equal(variables.stdout, '\n');
  });
});

describe('the stat family', { skip, concurrency: 2 }, () => {
  it('every function, of devices and of what is none; errno is kept', async t => {
    const where = await place(t);
    const [link, file] = [join(where.project, 'link'), join(where.project, 'file')];
    await symlink('/dev/cxl/afu0.0s', link);
    await writeFile(file, 'text', { mode: 0o640 });
    /** What each shows, and what is shown where links are not followed. */
    const files: readonly [path: string, followed: string, itself?: string][] = [
      ['/dev/cxl/afu0.0s', 'c 600 242:3 type and number'],
      [link, 'c 600 242:3 type and number', 'l 777 0:0 same'],
      ['/dev/cxl/afu0.1m', 'c 600 242:5 type and number'],
      ['/dev/null', 'c 666 1:3 same'],
      ['/sys/class/cxl/afu0.0s/dev', '- 444 0:0 same'],
      ['/sys/class/cxl/card0', 'd 755 0:0 same'],
      [file, '- 640 0:0 same'],
    ];
    const plain = ['stat', 'fstat', 'fstatat', 'fstatat(empty)', 'stat64', 'fstat64', 'fstatat64'];
    const old = ['__xstat', '__fxstat', '__fxstatat'].flatMap(name => [name, `${name}64`]);
    const masks = ['0', '2', '200', '101', '7ff', 'fff'].map(mask => `statx(${mask})`);
    const itself = ['lstat', 'fstatat(nofollow)', 'lstat64', '__lxstat', '__lxstat64', 'statx(fff, nofollow)'];
    const expected = files.flatMap(([, followed, unfollowed = followed]) => [
      ...[...plain, ...old, ...masks].map(name => `${name} ${followed}`),
      ...itself.map(name => `${name} ${unfollowed}`),
    ]);
    const said = await linesOf(t, where, cProgram('stats'), ...files.map(([path]) => path));
    assert.equal(said.pop(), 'errno kept');
    assert.deepEqual(said.toSorted(), expected.toSorted());
  });

  it('what fails, fails as ever', async t => {
    const said = await linesOf(t, await place(t), cProgram('stats'), '/dev/cxl/none');
    assert.deepEqual(
      new Set(said.map(line => line.replace(/^.* /, ''))),
      new Set(['ENOENT', 'EBADF', 'kept']),
      said.join('\n'),
    );
  });

  it('ls -l, stat and find -type c', async t => {
    const where = await place(t);
    const listing = await linesOf(t, where, 'ls', '-l', '/dev/cxl');
    assert.match(listing[2]!, /^crw-{7} .* 242, +3 .* afu0\.0s$/);
    assert.deepEqual(await linesOf(t, where, ...KIND), [CHARACTER]);
    const nodes = ['afu0.0m', 'afu0.0s', 'afu0.1m', 'afu0.1s'].map(name => `/dev/cxl/${name}`);
    assert.deepEqual((await linesOf(t, where, 'find', '/dev/cxl', '-type', 'c')).toSorted(), nodes);
    assert.deepEqual(await linesOf(t, where, 'find', '/dev/cxl', '-type', 'f'), ['']);
    assert.deepEqual((await linesOf(t, where, '--no-preload', 'find', '/dev/cxl', '-type', 'f')).toSorted(), nodes);
  });

  it('Python: os.stat, os.scandir, and a descriptor that came over a socket', { skip: noPython() }, async t => {
    const script = `
import os, socket, stat
path = '/dev/cxl/afu0.0s'
of = lambda s: (stat.S_ISCHR(s.st_mode), os.major(s.st_rdev), os.minor(s.st_rdev))
print(*of(os.stat(path)))
print(*sorted(e.name for e in os.scandir('/dev/cxl') if stat.S_ISCHR(e.stat().st_mode) and not e.is_file()))
one, other = socket.socketpair()
socket.send_fds(one, [b'x'], [os.open(path, os.O_RDWR)])
print(*of(os.fstat(socket.recv_fds(other, 1, 1)[1][0])))
`;
    const expected = ['True 242 3', 'afu0.0m afu0.0s afu0.1m afu0.1s', 'True 242 3'];
    assert.deepEqual(await linesOf(t, await place(t), 'python3', '-c', script), expected);
  });
});

describe('the environment', { skip, concurrency: 2 }, () => {
  it('the program keeps what it had in LD_PRELOAD, behind ours; constructors may call stat', async t => {
    const own = cProgram('constructor', '-shared', '-fPIC');
    const where = withEnv(await place(t), { LD_PRELOAD: own, CONSTRUCTOR_FILE: '/dev/cxl/afu0.0s' });
    const [first, second, ...rest] = await linesOf(t, where, 'sh', '-c', 'echo "$LD_PRELOAD"');
    assert.equal(first, 'constructor: character device');
    assert.match(second!, new RegExp(`^/[^:]*/afukit/cxl-stat-[^:]*\\.so:${own}$`));
    assert.deepEqual(rest, []);
  });

  it('root’s program may become another user', { skip: notRoot() }, async t => {
    const where = await place(t);
    const cache = join(where.project, 'cache');
    await chmod(dirname(where.project), 0o755);
    await mkdir(cache);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    assert.deepEqual(await linesOf(t, withEnv(where, { XDG_CACHE_HOME: cache }), ...nobody, ...KIND), [CHARACTER]);
  });

  it('an ordinary user', { skip: notRoot() }, async t => {
    const where = await place(t);
    await chmod(dirname(where.project), 0o755);
    const machine = { fuse: 'usable', user: true } as const;
    const { stdout, stderr } = await (await afukitOn(t, where, machine, () => ['run', '--', ...KIND])).ended;
    assert.deepEqual([stdout, stderr], [`${CHARACTER}\n`, '']);
  });
});

/** A place with a cache of its own, and a compiler that keeps a list of what it was asked. */
async function counting(t: TestContext): Promise<{ where: Place; cache: string; asked: () => Promise<string[]> }> {
  const where = await place(t);
  const [cache, compiler, log] = ['cache', 'compiler', 'log'].map(name => join(where.project, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(log, '');
  await writeFile(compiler, `#!/bin/sh\necho "$*" >>'${log}'\nexec cc "$@"\n`, { mode: 0o755 });
  const asked = async (): Promise<string[]> => (await readFile(log, 'utf8')).trimEnd().split('\n');
  return { where: withEnv(where, { XDG_CACHE_HOME: cache, CC: compiler }), cache, asked };
}

const LIBRARY = /^cxl-stat-\d+\.\d+\.\d+-[\w.-]+-[0-9a-f]{16}\.so$/;

describe('the library', { skip, concurrency: 2 }, () => {
  it('is compiled once, and found again', async t => {
    const { where, cache, asked } = await counting(t);
    for (let i = 0; i < 2; i++) assert.deepEqual(await linesOf(t, where, ...KIND), [CHARACTER]);
    const calls = await asked();
    assert.deepEqual(
      calls.map(call => call.split(' ')[0]),
      ['-dumpmachine', '-O2', '-dumpmachine'],
    );
    const [library, ...others] = await readdir(join(cache, 'afukit'));
    assert.match(library!, LIBRARY);
    assert.deepEqual(others, []);
  });

  it('compiles with -Wall -Wextra -Werror, and another $CC makes another one', async t => {
    const { where, cache } = await counting(t);
    for (const CC of [' cc  -Wall -Wextra -Werror', 'cc -Wall -Wextra -Werror -std=c11 -D_FILE_OFFSET_BITS=64']) {
      assert.deepEqual(await linesOf(t, withEnv(where, { CC }), ...KIND), [CHARACTER]);
    }
    assert.equal((await readdir(join(cache, 'afukit'))).length, 2);
  });

  it('two runs at once make one, and both have it', async t => {
    const { where, cache } = await counting(t);
    const both = await Promise.all([linesOf(t, where, ...KIND), linesOf(t, where, ...KIND)]);
    assert.deepEqual(both, [[CHARACTER], [CHARACTER]]);
    assert.equal((await readdir(join(cache, 'afukit'))).length, 1);
  });

  it('one that does not load is replaced', async t => {
    const { where, cache, asked } = await counting(t);
    await linesOf(t, where, ...KIND);
    const [library] = await readdir(join(cache, 'afukit'));
    await truncate(join(cache, 'afukit', library!), 100);
    for (let i = 0; i < 2; i++) assert.deepEqual(await linesOf(t, where, ...KIND), [CHARACTER]);
    assert.equal((await asked()).filter(call => call.startsWith('-O2')).length, 2);
  });

  /** Each gets the directory that would be XDG_CACHE_HOME, and gives the one that is. */
  const unusable: readonly [what: string, spoil: (cache: string) => Promise<string>, needs?: Skip][] = [
    ['is a file', cache => writeFile(cache, '').then(() => cache)],
    [
      'anybody may write to',
      async cache => {
        await mkdir(cache);
        await chmod(cache, 0o777);
        return cache;
      },
    ],
    ['has a space in its name', async cache => `${cache} of mine`],
    ['has a colon in its name', async cache => `${cache}:mine`],
    [
      'has a library directory that anybody may write to',
      async cache => {
        await mkdir(join(cache, 'afukit'), { recursive: true });
        await chmod(join(cache, 'afukit'), 0o777);
        return cache;
      },
    ],
    [
      'is somebody else’s',
      async cache => {
        await mkdir(cache);
        await chown(cache, 65534, 65534);
        return cache;
      },
      notRoot(),
    ],
  ];
  for (const [what, spoil, needs = false] of unusable) {
    it(`a cache that ${what} is not used, and nothing is lost`, { skip: needs }, async t => {
      const { where, cache, asked } = await counting(t);
      const spoilt = await spoil(cache);
      for (let i = 0; i < 2; i++) {
        assert.deepEqual(await linesOf(t, withEnv(where, { XDG_CACHE_HOME: spoilt }), ...KIND), [CHARACTER]);
      }
      assert.equal((await asked()).filter(call => call.startsWith('-O2')).length, 2);
      assert.deepEqual(await readdir(join(spoilt, 'afukit')).catch(() => []), []);
    });
  }
});

describe('where there is none', { skip, concurrency: 2 }, () => {
  const consequence = 'programs that insist on a character device (libcxl) will not see one';

  const compilers: readonly [compiler: string, said: string][] = [
    ['/nonexistent/cc', 'there is no C compiler /nonexistent/cc'],
    ['false', 'the C compiler false failed (Command failed: false -dumpmachine)'],
  ];
  for (const [compiler, said] of compilers) {
    it(`CC=${compiler}: one line, and the program runs with regular files`, async t => {
      const where = withEnv(await place(t), { CC: compiler });
      const { code, stdout, stderr } = await run(t, where, ...KIND);
      const remedy = 'install gcc and libc6-dev, or set CC, or say --no-preload';
      const line = `afukit: ${said}: ${consequence}: ${remedy}\n`;
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${REGULAR}\n`, stderr: line });
      assert.equal((await run(t, where, '--no-preload', ...KIND)).stderr, '');
    });
  }

  it('a static program, and a script for one: one line, and it runs', async t => {
    const where = await place(t);
    const program = cProgram('libcxl-open', '-static');
    const script = join(where.project, 'script');
    await writeFile(script, `#! ${program} /dev/cxl/afu0.0s\n`, { mode: 0o755 });
    for (const args of [[program, '/dev/cxl/afu0.0s'], [script]]) {
      const { code, stdout, stderr } = await run(t, where, ...args);
      const line = `afukit: ${program} is statically linked: ${consequence}\n`;
      assert.deepEqual([code, stdout, stderr], [1, 'failed ENODEV\n', line]);
    }
  });

  it('a program for another machine: one line, and the dynamic linker has no second one', async t => {
    const where = await place(t);
    const program = join(where.project, 'foreign');
    const bytes = await readFile(cProgram('libcxl-open'));
    bytes.writeUInt16LE(0xffff, 18);
    await writeFile(program, bytes, { mode: 0o755 });
    const { code, stderr } = await run(t, where, program);
    const [line, ...others] = stderr.trimEnd().split('\n');
    assert.equal(line, `afukit: ${program} is for another machine than the C compiler's programs: ${consequence}`);
    assert.doesNotMatch(others.join('\n'), /ld\.so/);
    assert.notEqual(code, 0);
  });

  it('a set-user-ID program of another user than root: one line, and it runs', { skip: notRoot() }, async t => {
    const where = await place(t);
    await chmod(dirname(where.project), 0o755);
    const program = join(where.project, 'program');
    await copyFile(cProgram('stats'), program);
    await chown(program, 65534, 65534);
    await chmod(program, 0o4755);
    const { code, stdout, stderr } = await run(t, where, program, '/dev/cxl/afu0.0s');
    assert.deepEqual(
      [code, stdout.split('\n')[0], stderr],
      [0, 'stat - 600 0:0 same', `afukit: ${program} is a set-user-ID or set-group-ID program: ${consequence}\n`],
    );
  });

  it('of what is no program nothing is said', async t => {
    const { code, stderr } = await run(t, await place(t), 'no-such-program');
    assert.deepEqual([code, stderr], [127, 'afukit: no-such-program: command not found\n']);
  });
});
