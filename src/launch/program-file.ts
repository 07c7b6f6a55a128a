/** What a program's file says of how it will be loaded: whether LD_PRELOAD can reach it. */
import { constants } from 'node:fs';
import { access, open, stat, type FileHandle } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The header of an ELF file (elf(5)), as far as the dynamic linker's choice depends on it. */
export interface Elf {
  /** Class, byte order and machine: a library and the program that it is loaded into have the same. */
  readonly machine: string;
  /** Whether it names a dynamic linker (PT_INTERP); nothing is loaded into a program that does not. */
  readonly dynamic: boolean;
}

const PT_INTERP = 3;
const [S_ISUID, S_ISGID] = [0o4000, 0o2000];

/** As many interpreters of scripts in a row as the kernel follows. */
const MAX_INTERPRETERS = 4;

/** Undefined for what is no ELF file. */
async function elfOf(file: FileHandle): Promise<Elf | undefined> {
  const head = await bytesOf(file, 0, 64);
  if (head.byteLength < 64 || head.getUint32(0) !== 0x7f454c46) return undefined;
  const wide = head.getUint8(4) === 2;
  const little = head.getUint8(5) === 1;
  const headersAt = wide ? Number(head.getBigUint64(32, little)) : head.getUint32(28, little);
  const size = head.getUint16(wide ? 54 : 42, little);
  const count = head.getUint16(wide ? 56 : 44, little);
  const headers = await bytesOf(file, headersAt, size * count);
  const types = Array.from({ length: count }, (_, index) => headers.getUint32(index * size, little));
  const machine = `${wide ? 64 : 32} ${little ? 'LSB' : 'MSB'} ${head.getUint16(18, little)}`;
  return { machine, dynamic: types.includes(PT_INTERP) };
}

async function bytesOf(file: FileHandle, position: number, length: number): Promise<DataView> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
  return new DataView(buffer.buffer, 0, bytesRead);
}

/** A file's ELF header; undefined where there is none, or it cannot be read. */
export async function readElf(path: string): Promise<Elf | undefined> {
  return withFile(path, elfOf);
}

/** Why a library is not loaded into a program. Of one for another machine the dynamic linker complains. */
export interface Obstacle {
  readonly kind: 'static' | 'set-id' | 'machine';
  /** One line. */
  readonly what: string;
}

/**
 * What keeps a library for `machine` out of a program; undefined when nothing does, or when the file does not say. Of a script
 * its interpreter counts.
 * @param searchPath where the program is looked for unless it has a slash
 */
export async function obstacle(
  program: string,
  searchPath: string | undefined,
  machine: string,
): Promise<Obstacle | undefined> {
  let path = await locate(program, searchPath);
  for (let depth = 0; path !== undefined && depth <= MAX_INTERPRETERS; depth++) {
    const interpreter: string | undefined = await withFile(path, interpreterOf);
    if (interpreter === undefined) break;
    path = interpreter;
  }
  if (path === undefined) return undefined;
  if (await changesUser(path)) return { kind: 'set-id', what: `${path} is a set-user-ID or set-group-ID program` };
  const elf = await readElf(path);
  if (elf === undefined) return undefined;
  if (!elf.dynamic) return { kind: 'static', what: `${path} is statically linked` };
  if (elf.machine === machine) return undefined;
  return { kind: 'machine', what: `${path} is for another machine than the C compiler's programs` };
}

async function locate(program: string, searchPath: string | undefined): Promise<string | undefined> {
  if (program.includes('/')) return program;
  for (const directory of (searchPath ?? '').split(delimiter)) {
    const path = join(directory, program);
    const found = await stat(path).catch(() => undefined);
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found?.isFile() && executable) return path;
  }
  return undefined;
}

/** What stands behind the #! of a script. */
async function interpreterOf(file: FileHandle): Promise<string | undefined> {
  const head = Buffer.from((await bytesOf(file, 0, 256)).buffer).toString('latin1');
  return /^#![ \t]*([^\s\0]+)/.exec(head)?.[1];
}

/** In an ordinary user's namespace these bits have no effect, and root's own have none for root. */
async function changesUser(path: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const found = await stat(path).catch(() => undefined);
  if (!found) return false;
  return ((found.mode & S_ISUID) !== 0 && found.uid !== 0) || ((found.mode & S_ISGID) !== 0 && found.gid !== 0);
}

async function withFile<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  try {
    return file && (await read(file));
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
