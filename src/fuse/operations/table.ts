// The one table of operations: dispatch, length checks and the trace all read it.
//
// ENOSYS is remembered by the kernel for the life of the mount for most of these, and it then stops asking. That is used on
// purpose where "we have no such thing" is the whole answer: FLUSH (so that close(2) costs no round trip), FSYNC, ACCESS,
// the extended attributes. It must never be answered by accident: see session.ts.
import {
  fuse_batch_forget_in,
  fuse_flush_in,
  fuse_forget_in,
  fuse_getattr_in,
  fuse_interrupt_in,
  fuse_ioctl_in,
  fuse_open_in,
  fuse_poll_in,
  fuse_read_in,
  fuse_release_in,
  fuse_setattr_in,
  fuse_write_in,
  FuseOpcode,
} from '../wire.ts';
import { batchForget, done, forget, init, interrupt, shortInit, statfs } from './connection.ts';
import { ioctl, open, poll, read, release, write } from './file.ts';
import { always, NOTHING } from './operation.ts';
import type { Operation } from './operation.ts';
import { getattr, lookup, opendir, readdir, readlink, releasedir, setattr } from './tree.ts';

const O = FuseOpcode;

/** "We have no such thing"; remembered. */
const absent = (name: string) => ({ name, input: NOTHING, reply: true, handle: always('ENOSYS') });
/** Trees are changed by the program that serves them, never through the mount. */
const fixed = (name: string) => ({ name, input: NOTHING, reply: true, handle: always('EPERM') });

const table = {
  [O.FUSE_LOOKUP]: { name: 'LOOKUP', input: NOTHING, names: 1, reply: true, handle: lookup },
  [O.FUSE_FORGET]: { name: 'FORGET', input: fuse_forget_in, reply: false, handle: forget },
  [O.FUSE_GETATTR]: { name: 'GETATTR', input: fuse_getattr_in, reply: true, handle: getattr },
  [O.FUSE_SETATTR]: { name: 'SETATTR', input: fuse_setattr_in, reply: true, handle: setattr },
  [O.FUSE_READLINK]: { name: 'READLINK', input: NOTHING, reply: true, handle: readlink },
  [O.FUSE_SYMLINK]: fixed('SYMLINK'),
  [O.FUSE_MKNOD]: fixed('MKNOD'),
  [O.FUSE_MKDIR]: fixed('MKDIR'),
  [O.FUSE_UNLINK]: fixed('UNLINK'),
  [O.FUSE_RMDIR]: fixed('RMDIR'),
  [O.FUSE_RENAME]: fixed('RENAME'),
  [O.FUSE_LINK]: fixed('LINK'),
  [O.FUSE_OPEN]: { name: 'OPEN', input: fuse_open_in, reply: true, handle: open },
  [O.FUSE_READ]: { name: 'READ', input: fuse_read_in, reply: true, handle: read },
  [O.FUSE_WRITE]: { name: 'WRITE', input: fuse_write_in, reply: true, handle: write },
  [O.FUSE_STATFS]: { name: 'STATFS', input: NOTHING, reply: true, handle: statfs },
  [O.FUSE_RELEASE]: { name: 'RELEASE', input: fuse_release_in, reply: true, handle: release },
  [O.FUSE_FSYNC]: absent('FSYNC'),
  [O.FUSE_SETXATTR]: absent('SETXATTR'),
  [O.FUSE_GETXATTR]: absent('GETXATTR'),
  [O.FUSE_LISTXATTR]: absent('LISTXATTR'),
  [O.FUSE_REMOVEXATTR]: absent('REMOVEXATTR'),
  [O.FUSE_FLUSH]: { ...absent('FLUSH'), input: fuse_flush_in },
  [O.FUSE_INIT]: { name: 'INIT', input: shortInit, reply: true, handle: init },
  [O.FUSE_OPENDIR]: { name: 'OPENDIR', input: fuse_open_in, reply: true, handle: opendir },
  [O.FUSE_READDIR]: { name: 'READDIR', input: fuse_read_in, reply: true, handle: readdir },
  [O.FUSE_RELEASEDIR]: { name: 'RELEASEDIR', input: fuse_release_in, reply: true, handle: releasedir },
  [O.FUSE_FSYNCDIR]: absent('FSYNCDIR'),
  [O.FUSE_GETLK]: absent('GETLK'),
  [O.FUSE_SETLK]: absent('SETLK'),
  [O.FUSE_SETLKW]: absent('SETLKW'),
  // Asked only without default_permissions, where everybody may do everything.
  [O.FUSE_ACCESS]: absent('ACCESS'),
  [O.FUSE_CREATE]: fixed('CREATE'),
  [O.FUSE_INTERRUPT]: { name: 'INTERRUPT', input: fuse_interrupt_in, reply: false, handle: interrupt },
  [O.FUSE_BMAP]: absent('BMAP'),
  [O.FUSE_DESTROY]: { name: 'DESTROY', input: NOTHING, reply: true, handle: done },
  [O.FUSE_IOCTL]: { name: 'IOCTL', input: fuse_ioctl_in, reply: true, handle: ioctl },
  [O.FUSE_POLL]: { name: 'POLL', input: fuse_poll_in, reply: true, handle: poll },
  // The answer to FUSE_NOTIFY_RETRIEVE, which is never sent.
  [O.FUSE_NOTIFY_REPLY]: { name: 'NOTIFY_REPLY', input: NOTHING, reply: false, handle: () => undefined },
  [O.FUSE_BATCH_FORGET]: { name: 'BATCH_FORGET', input: fuse_batch_forget_in, reply: false, handle: batchForget },
  [O.FUSE_FALLOCATE]: absent('FALLOCATE'),
  [O.FUSE_READDIRPLUS]: absent('READDIRPLUS'),
  [O.FUSE_RENAME2]: fixed('RENAME2'),
  [O.FUSE_LSEEK]: absent('LSEEK'),
  [O.FUSE_COPY_FILE_RANGE]: absent('COPY_FILE_RANGE'),
  [O.FUSE_SETUPMAPPING]: absent('SETUPMAPPING'),
  [O.FUSE_REMOVEMAPPING]: absent('REMOVEMAPPING'),
  [O.FUSE_SYNCFS]: absent('SYNCFS'),
  [O.FUSE_TMPFILE]: { name: 'TMPFILE', input: NOTHING, reply: true, handle: always('EOPNOTSUPP') },
} satisfies Record<FuseOpcode, Operation>;

/** Indexed by opcode, dense enough for an array. */
const byOpcode: readonly (Operation | undefined)[] = Object.entries<Operation>(table).reduce<(Operation | undefined)[]>(
  (all, [opcode, operation]) => {
    all[Number(opcode)] = operation;
    return all;
  },
  [],
);

/** Undefined for an opcode that no kernel of our minor sends. */
export function operationOf(opcode: number): Operation | undefined {
  return byOpcode[opcode];
}

/** Every opcode of the table. */
export const opcodes: readonly number[] = Object.values(FuseOpcode);
