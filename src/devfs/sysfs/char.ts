import type { Afu } from '../../core/index.ts';
import { directory, symlink, type Node } from '../../fuse/index.ts';
import { minorOf, type View } from '../numbers.ts';
import {
  attributeFiles,
  devAttribute,
  deviceLines,
  ueventAttribute,
  type Attributes,
  type Presence,
} from './attributes.ts';

/** What the master's directory has of its own. C original: `afu_master_attrs` (drivers/misc/cxl/sysfs.c). */
const masterAttributes: Attributes<Afu> = {
  mmio_size: { read: ({ problemState }) => problemState?.size ?? 0 },
  pp_mmio_off: {
    exists: ({ adapter }) => !adapter.guest,
    read: ({ problemState }) => problemState?.perProcess?.offset ?? 0,
  },
  pp_mmio_len: { read: ({ problemState }) => problemState?.perProcess?.size ?? 0 },
};

function charAttributes(view: View): Attributes<Afu> {
  const minor = (afu: Afu): number => minorOf(afu, view);
  return {
    dev: devAttribute(minor),
    uevent: ueventAttribute(afu => deviceLines(minor(afu), afu.name + view)),
    ...(view === 'm' && masterAttributes),
  };
}

/** `afu<card>.<slice>{d,m,s}/`. */
export function charDirectory(afu: Afu, view: View, there: Presence): Node {
  return directory({
    ...attributeFiles(charAttributes(view), afu, there),
    device: symlink(`../../${afu.name}`),
    subsystem: symlink('../../../../cxl'),
  });
}
