// A tree in the file system: /dev/fuse, mount(8) or fusermount3(1), a session, and the way out.
import { fstatSync, openSync, writeFileSync } from 'node:fs';

import { descriptorSocket } from './descriptor.ts';
import { errnoName, errnoOf, FuseError, MountError } from './errors.ts';
import { isMounted, mountAt } from './mountinfo.ts';
import { canonical, checkMountPoint, clearStaleMount } from './mountpoint.ts';
import { isRoot, run, runSync, unmountCommand } from './programs.ts';
import { Session } from './session.ts';
import { closeQuietly } from './transport/device.ts';
import { ParkedTransport } from './transport/parked.ts';
import { pipeBinding, StreamTransport } from './transport/stream.ts';
import type { DirectoryNode, SessionOptions, Transport } from './types.ts';

export interface MountOptions extends SessionOptions {
  /** The name in the mount table's first column. Default 'afukit'. */
  fsName?: string;
  /** 'afukit' makes the type `fuse.afukit`, which is the default. */
  subtype?: string;
  /** Lets users other than the mounting one in. Default: true as root, else false (needs `user_allow_other`). */
  allowOther?: boolean;
  /** Lets the kernel check mode, owner and group. Default true; false lets everybody do everything. */
  defaultPermissions?: boolean;
  /** How /dev/fuse is read. Default 'auto': the stream, or where Node lacks its binding, the parked read. */
  reader?: 'stream' | 'parked' | 'auto';
  /**
   * While a program asks often, wait for its next request for a moment (up to 50 µs) before sleeping; needs the package koffi
   * and the stream. Costs no CPU when nobody asks. Default true.
   */
  spin?: boolean;
}

export interface Mount extends AsyncDisposable {
  /** The mount point, absolute and without symbolic links. */
  readonly directory: string;
  /** N of /sys/fs/fuse/connections/N. */
  readonly connection: number;
  readonly session: Session;
  /** Resolves when the session has ended, whoever ended it: `unmount`, umount(8), an abort. Never rejects. */
  readonly closed: Promise<void>;
  /**
   * Unmounts, lazily when files are open, and ends the session: sleeping readers get ENODEV, ECONNABORTED or ENOTCONN.
   * Resolves when the session has ended and the mount table has forgotten the mount. May be called again.
   * @throws MountError EIO when the mount cannot be taken away
   */
  unmount(): Promise<void>;
  /** For process 'exit' handlers: aborts the connection, then lazily unmounts, synchronously. Never throws. */
  unmountSync(): void;
}

/**
 * Mounts `root` on the empty directory `directory` and serves it until unmounted. As root through mount(8), else through
 * fusermount3(1). A dead server's mount of the same subtype is cleared away first.
 *
 * Never touch the mount synchronously (readFileSync, statSync, a spawnSync of something that does) from the process that
 * serves it: it would wait for itself.
 *
 * @throws MountError with the remedy in its message: ENODEV no /dev/fuse; EACCES not allowed; ENOENT, ENOTDIR, ENOTEMPTY,
 *   EBUSY about the mount point; ENOEXEC a helper is missing; EPROTO the kernel is too old; EIO anything else
 */
export async function mount(directory: string, root: DirectoryNode, options: MountOptions = {}): Promise<Mount> {
  const subtype = checkName('subtype', options.subtype ?? 'afukit');
  const fsName = checkName('fsName', options.fsName ?? 'afukit');
  if (options.reader === 'stream' && !pipeBinding()) {
    throw new MountError('EIO', "this Node has no process.binding('pipe_wrap'): use the reader 'parked' or 'auto'");
  }
  await clearStaleMount(directory, subtype);
  const path = await canonical(directory);
  await checkMountPoint(path, `fuse.${subtype}`);
  const names = { fsName, subtype };
  const fd = isRoot() ? await mountAsRoot(path, names, options) : await mountAsUser(path, names, options);
  const there = mountAt(path);
  if (!there) {
    closeQuietly(fd);
    throw new MountError('EIO', `${path} was mounted but is not in /proc/self/mountinfo (another mount namespace?)`);
  }
  const transport = transportFor(fd, there.minor, path, options);
  const session = new Session(transport, root, options);
  const mounted = new Mounted(path, there.minor, session);
  session.start();
  if (await session.ready) return mounted;
  await mounted.unmount();
  const why = session.failure?.message ?? 'the connection ended before its first message';
  throw new MountError(session.failure ? 'EPROTO' : 'EIO', why, { cause: session.failure });
}

/** A comma would begin another mount option; space and backslash are escaped differently by every tool. */
function checkName(option: string, name: string): string {
  if (/^[\w.:+@-]+$/.test(name)) return name;
  throw new MountError('EIO', `mount option ${option}: "${name}" may have only letters, digits and . _ : + @ -`);
}

function transportFor(fd: number, connection: number, path: string, options: MountOptions): Transport {
  const { reader = 'auto', spin = true } = options;
  if (reader !== 'parked' && pipeBinding()) {
    try {
      return new StreamTransport(fd, spin);
    } catch (cause) {
      // libuv may have made the descriptor non-blocking already, so there is no going back to the parked read.
      closeQuietly(fd);
      runSync(...unmountCommand(path, { lazy: true }));
      throw new MountError('EIO', `${String(cause)}: use the reader 'parked'`, { cause });
    }
  }
  return new ParkedTransport(fd, () => abortConnection(connection, path));
}

/** Every sleeping and every later request on the connection fails; the parked read returns. Never throws. */
function abortConnection(connection: number, path: string): void {
  try {
    writeFileSync(`/sys/fs/fuse/connections/${connection}/abort`, '1');
  } catch {
    // No fusectl here: a forced unmount aborts too. Or the connection is gone already, and then nothing is left to do.
    if (isMounted(path, connection)) runSync(...unmountCommand(path, { lazy: true, force: true }));
  }
}

interface Names {
  readonly fsName: string;
  readonly subtype: string;
}

function flagsFor(options: MountOptions): string[] {
  const flags = [];
  if (options.defaultPermissions ?? true) flags.push('default_permissions');
  if (options.allowOther ?? isRoot()) flags.push('allow_other');
  return flags;
}

/** C original: fs/fuse/inode.c, fuse_fs_parameters. */
async function mountAsRoot(path: string, { fsName, subtype }: Names, options: MountOptions): Promise<number> {
  const fd = openDevice();
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const settings = ['fd=3', 'rootmode=40000', `user_id=${uid}`, `group_id=${gid}`, ...flagsFor(options)];
  const args = ['-i', '-t', `fuse.${subtype}`, '-o', settings.join(','), fsName, path];
  const { ok, message } = await run('mount', args, fd).catch((error: unknown) => {
    closeQuietly(fd);
    throw error;
  });
  if (ok) return fd;
  closeQuietly(fd);
  if (/permission denied|not permitted|superuser/i.test(message)) {
    const remedy = 'mounting needs CAP_SYS_ADMIN; in a container: docker run --cap-add SYS_ADMIN --device /dev/fuse';
    throw new MountError('EACCES', `mount of ${path} was refused (${message}): ${remedy}`);
  }
  throw new MountError('EIO', `mount of ${path} failed: ${message}`);
}

/** @throws MountError ENODEV or EACCES */
function openDevice(): number {
  try {
    const fd = openSync('/dev/fuse', 'r+');
    if (fstatSync(fd).isCharacterDevice()) return fd;
    closeQuietly(fd);
    throw new FuseError('ENXIO', 'open', '/dev/fuse is not a device');
  } catch (cause) {
    const code = errnoName(errnoOf(cause) ?? 0);
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO') {
      const remedy = 'modprobe fuse; in a container: docker run --device /dev/fuse';
      throw new MountError('ENODEV', `there is no /dev/fuse: ${remedy}`, { cause });
    }
    const remedy = 'in a container: docker run --device /dev/fuse --cap-add SYS_ADMIN';
    throw new MountError('EACCES', `no permission to open /dev/fuse (${code}): ${remedy}`, { cause });
  }
}

/** C original: util/fusermount.c of libfuse; the descriptor comes back over the socket named by _FUSE_COMMFD. */
async function mountAsUser(path: string, { fsName, subtype }: Names, options: MountOptions): Promise<number> {
  const socket = await descriptorSocket();
  try {
    const settings = [`fsname=${fsName}`, `subtype=${subtype}`, ...flagsFor(options)];
    const { ok, message } = await run('fusermount3', ['-o', settings.join(','), '--', path], socket.theirs);
    socket.closeTheirs();
    const fd = ok ? socket.receive() : undefined;
    if (fd !== undefined) return fd;
    if (/device not found|\/dev\/fuse.*No such/i.test(message)) {
      const remedy = 'modprobe fuse; in a container: docker run --device /dev/fuse';
      throw new MountError('ENODEV', `there is no /dev/fuse (${message}): ${remedy}`);
    }
    if (/open \/dev\/fuse/.test(message)) {
      throw new MountError(
        'EACCES',
        `/dev/fuse is closed to ordinary users (${message}): chmod 0666 /dev/fuse as root`,
      );
    }
    if (/user_allow_other/.test(message)) {
      throw new MountError('EACCES', `allowOther needs the line user_allow_other in /etc/fuse.conf (${message})`);
    }
    if (/permission|permitted|access|not owned/i.test(message)) {
      const remedy = 'the mount point must be yours, and fusermount3 set-user-id root';
      throw new MountError('EACCES', `mount of ${path} was refused (${message}): ${remedy}`);
    }
    throw new MountError('EIO', `mount of ${path} failed: ${ok ? 'fusermount3 sent no descriptor' : message}`);
  } finally {
    socket.close();
  }
}

class Mounted implements Mount {
  readonly directory: string;
  readonly connection: number;
  readonly session: Session;
  #unmounting: Promise<void> | undefined;

  constructor(directory: string, connection: number, session: Session) {
    this.directory = directory;
    this.connection = connection;
    this.session = session;
  }

  get closed(): Promise<void> {
    return this.session.closed;
  }

  unmount(): Promise<void> {
    this.#unmounting ??= this.#unmount().catch((error: unknown) => {
      this.#unmounting = undefined;
      throw error;
    });
    return this.#unmounting;
  }

  async #unmount(): Promise<void> {
    const isThere = () => isMounted(this.directory, this.connection);
    if (isThere()) {
      // With no file open this ends the connection in good order: every RELEASE is still handled.
      const clean = await run(...unmountCommand(this.directory, { lazy: false }));
      if (!clean.ok && isThere()) {
        // Files are open. Our end first: who sleeps in them wakes with an error, and what umount does cannot wait for us.
        this.session.close();
        const lazy = await run(...unmountCommand(this.directory, { lazy: true }));
        if (!lazy.ok && isThere()) {
          throw new MountError('EIO', `cannot unmount ${this.directory}: ${lazy.message}`);
        }
      }
    }
    // Of a mount copied into another namespace the connection would live on.
    this.session.close();
    await this.session.closed;
  }

  unmountSync(): void {
    this.session.close();
    if (isMounted(this.directory, this.connection)) runSync(...unmountCommand(this.directory, { lazy: true }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
  }
}
