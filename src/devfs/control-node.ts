import type { ControlFile } from '../core/index.ts';
import { textFile, type Attributes, type FileNode } from '../fuse/index.ts';

/** A control file, for its owner alone; it is looked up at each call, for its driver may have been unloaded or reloaded. */
export function controlNode(file: () => ControlFile | undefined, owner: Pick<Attributes, 'uid' | 'gid'>): FileNode {
  return textFile(
    () => {
      const control = file();
      return (
        control && {
          ...(control.read && { read: () => control.read!() }),
          ...(control.write && { write: (_: string, bytes: Uint8Array) => control.write!(bytes) }),
        }
      );
    },
    () => {
      const control = file();
      return { ...owner, mode: (control?.read ? 0o400 : 0) | (control?.write ? 0o200 : 0), size: 0 };
    },
  );
}
