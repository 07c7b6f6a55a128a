/** preload/cxl-stat.c as a shared library: compiled when it is first wanted, then kept in a cache. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { packageFile, version } from './package.ts';

/** There is no library. The message is one line, and the remedy what to do about it. */
export class PreloadError extends Error {
  override readonly name = 'PreloadError';
  readonly remedy: string;

  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super(what.trim().replaceAll(/\s*\n\s*/g, '; '), options);
    this.remedy = remedy;
  }
}

const SOURCE = fileURLToPath(packageFile('preload/cxl-stat.c'));
const FLAGS = ['-O2', '-shared', '-fPIC'];

const execute = promisify(execFile);

/**
 * The path of a library that the dynamic linker loads here.
 * @throws PreloadError
 */
export async function preloadLibrary(env: NodeJS.ProcessEnv): Promise<string> {
  // $CC may have arguments, as in "ccache gcc"
  const compiler = (env['CC'] ?? '').trim().split(/\s+/).filter(Boolean);
  if (compiler.length === 0) compiler.push('cc');
  const target = (await compile(compiler, ['-dumpmachine'], env)).trim().replaceAll(/[^\w.-]/g, '_');
  const command = [...compiler.slice(1), ...FLAGS].join(' ');
  const hash = createHash('sha256')
    .update(await readFile(SOURCE))
    .update(command)
    .digest('hex')
    .slice(0, 16);
  const name = `cxl-stat-${version()}-${target}-${hash}.so`;

  const cache = await cacheDirectory(env);
  const cached = cache === undefined ? undefined : join(cache, name);
  if (cached !== undefined && (await refusal(cached)) === undefined) return cached;

  const built = join(await temporaryDirectory(), name);
  await compile(compiler, [...FLAGS, '-o', built, SOURCE, '-ldl'], env);
  if (cached !== undefined && (await install(built, cached))) return cached;
  const why = await refusal(built);
  if (why !== undefined) throw new PreloadError(why, 'set TMPDIR to another directory');
  return built;
}

async function compile(compiler: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const [command = 'cc', ...first] = compiler;
  try {
    return (await execute(command, [...first, ...args], { env: { ...env, LC_ALL: 'C' } })).stdout;
  } catch (cause) {
    const { code, stderr, message } = cause as { code?: unknown; stderr?: string; message: string };
    const missing = code === 'ENOENT' || code === 'EACCES';
    const said = /^.*error:.*$/m.exec(stderr ?? '')?.[0] ?? message.split('\n')[0]!;
    const what = missing ? `there is no C compiler ${command}` : `the C compiler ${command} failed (${said})`;
    throw new PreloadError(what, 'install gcc and libc6-dev, or set CC', { cause });
  }
}

/** Why the dynamic linker does not load a library, which it says only when it starts a program; undefined when it does. */
async function refusal(library: string): Promise<string | undefined> {
  if (!(await stat(library).catch(() => undefined))?.isFile()) return `there is no ${library}`;
  if (!canBeListed(library)) return `${library} has a space, a colon or a dollar sign in it`;
  const { stderr } = await execute('/bin/sh', ['-c', ':'], { env: { LD_PRELOAD: library } }).catch(
    (error: Error & { stderr: string }) => ({ stderr: error.stderr || error.message }),
  );
  return stderr === '' ? undefined : stderr;
}

/** The dynamic linker has no way to quote what separates the entries of LD_PRELOAD, or begins a $ORIGIN. */
function canBeListed(path: string): boolean {
  return !/[\s:$]/.test(path);
}

/** Puts a library into the cache in one step, after it was seen to load from there; false if that cannot be. */
async function install(built: string, cached: string): Promise<boolean> {
  const beside = `${cached.slice(0, -'.so'.length)}.${randomBytes(6).toString('hex')}.so`;
  try {
    await copyFile(built, beside);
    if ((await refusal(beside)) !== undefined) return false;
    await rename(beside, cached);
    return true;
  } catch {
    return false;
  } finally {
    await rm(beside, { force: true }).catch(() => {});
  }
}

const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Where libraries are kept, made if it is not there; undefined when it cannot be, or when somebody else could put a library
 * of his there. Root's is one that others can read, for its program may become another user.
 */
async function cacheDirectory(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = env['XDG_CACHE_HOME'] ?? '';
  const base = isAbsolute(home) ? home : isRoot() ? '/var/cache' : join(homedir(), '.cache');
  const directory = join(base, 'afukit');
  try {
    if (!(await isOurs(await existing(directory)))) return undefined;
    await mkdir(directory, { recursive: true, mode: isRoot() ? 0o755 : 0o700 });
    const real = await realpath(directory);
    const { uid, mode } = await stat(real);
    return uid === process.getuid?.() && (mode & 0o022) === 0 && (await isOurs(real)) ? real : undefined;
  } catch {
    return undefined;
  }
}

/** The directory itself, or the one above it that is there. */
async function existing(directory: string): Promise<string> {
  const parent = dirname(directory);
  return realpath(directory).catch(error => {
    if (parent === directory) throw error;
    return existing(parent);
  });
}

/** Whether nobody but root and this user can change what is in a directory, or put another in its place. */
async function isOurs(directory: string): Promise<boolean> {
  const { uid, mode } = await stat(directory);
  const shared = (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
  if (shared || (uid !== 0 && uid !== process.getuid?.())) return false;
  const parent = dirname(directory);
  return parent === directory || isOurs(parent);
}

/** A new directory that is there until this process ends. */
async function temporaryDirectory(): Promise<string> {
  const base = canBeListed(tmpdir()) ? tmpdir() : '/tmp';
  const directory = await mkdtemp(join(base, 'afukit-preload-')).catch(cause => {
    throw new PreloadError(`no temporary directory (${String(cause)})`, 'set TMPDIR to another directory', { cause });
  });
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  if (isRoot()) await chmod(directory, 0o755);
  return directory;
}
