import { CxlError, type Afu, type AfuMode, type ConfigurationRecord, type PrefaultMode } from '../../core/index.ts';
import { binaryFile, directory, symlink, type FileNode, type Node } from '../../fuse/index.ts';
import { liveDirectory, type Made } from '../live-directory.ts';
import { viewsOf } from '../numbers.ts';
import { attributeFiles, need, scanInteger, ueventAttribute, type Attributes, type Presence } from './attributes.ts';
import { charDirectory } from './char.ts';

/** In the order in which `modes_supported` lists them, and `none`. */
const modes: readonly AfuMode[] = ['dedicated_process', 'afu_directed', 'none'];
const prefaults: readonly PrefaultMode[] = ['none', 'work_element_descriptor', 'all'];
const PAGE = 4096;

/** A char node's directory has these through its `device` link. C original: `afu_attrs` (drivers/misc/cxl/sysfs.c). */
const afuAttributes: Attributes<Afu> = {
  mmio_size: { read: ({ problemState: area }) => area?.perProcess?.size ?? area?.size ?? 0 },
  irqs_min: { read: afu => afu.irqsMin },
  irqs_max: { read: afu => afu.irqsMax, write: (afu, text) => void (afu.irqsMax = scanInteger(text) ?? Number.NaN) },
  modes_supported: { read: afu => modes.filter(mode => afu.modesSupported.includes(mode)).join('\n') },
  mode: { read: afu => afu.mode, write: chooseMode },
  prefault_mode: { read: afu => afu.prefaultMode, write: choosePrefault },
  api_version: { read: () => 3 },
  api_version_compatible: { read: () => 1 },
  reset: { write: afu => afu.reset() },
  // Ours, not the kernel's: a buffer of this size holds any event that a reader of this AFU can get now.
  event_size_max: { read: afu => afu.largestEvent },
  uevent: ueventAttribute(() => ({})),
};

/** What follows the name of a mode does not matter. Whether a context is open is asked first, also for no mode at all. */
function chooseMode(afu: Afu, text: string): void {
  const mode = modes.find(name => text.startsWith(name));
  if (mode !== undefined) return afu.setMode(mode);
  throw new CxlError(afu.contexts.size > 0 ? 'EBUSY' : 'EINVAL', 'write', `not one of ${modes.join(', ')}`);
}

function choosePrefault(afu: Afu, text: string): void {
  const mode = prefaults.find(name => text.startsWith(name));
  if (mode === undefined) throw new CxlError('EINVAL', 'write', `not one of ${prefaults.join(', ')}`);
  afu.prefaultMode = mode;
}

/** `afu<card>.<slice>/`: its char nodes come and go with its mode. */
export function afuDirectory(afu: Afu, there: Presence): Node {
  const records = afu.configurationRecords.map((record, index) => [`cr${index}`, recordDirectory(afu, record, there)]);
  const fixed = {
    ...attributeFiles(afuAttributes, afu, there),
    ...(Object.fromEntries(records) as Record<string, Node>),
    ...(afu.errorBuffer && { afu_err_buff: errorBuffer(afu, afu.errorBuffer, there) }),
    device: symlink(`../../${afu.adapter.name}`),
    subsystem: symlink('../../../cxl'),
  };
  return liveDirectory(() => (there() ? { ...fixed, ...charDirectories(afu, there) } : {}));
}

function charDirectories(afu: Afu, there: Presence): Record<string, Made> {
  const { activations } = afu;
  const current = (): boolean => there() && afu.activations === activations;
  const made = viewsOf(afu).map(view => [
    afu.name + view,
    { identity: activations, make: () => charDirectory(afu, view, current) },
  ]);
  return Object.fromEntries(made) as Record<string, Made>;
}

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** C original: `afu_cr_attrs` (drivers/misc/cxl/sysfs.c). */
const recordAttributes: Attributes<ConfigurationRecord> = {
  vendor: { read: ({ vendor }) => hex(vendor, 4) },
  device: { read: ({ device }) => hex(device, 4) },
  class: { read: record => hex(record.class, 6) },
};

function recordDirectory(afu: Afu, record: Required<ConfigurationRecord>, there: Presence): Node {
  const space = record.config!;
  const read = (offset: number, length: number): Uint8Array => {
    need(there, 'read');
    return fetched(afu, space.subarray(offset, offset + length));
  };
  const config = binaryFile({ size: space.length, read }, { mode: 0o400 });
  return directory({ ...attributeFiles(recordAttributes, record, there), config });
}

/** Fetched in units of 8 bytes, a page of them at most. C original: `cxl_pci_afu_read_err_buffer` (drivers/misc/cxl/pci.c). */
function errorBuffer(afu: Afu, bytes: Uint8Array, there: Presence): FileNode {
  return binaryFile({
    size: bytes.length,
    read: (offset, length) => {
      need(there, 'read');
      return fetched(afu, bytes.subarray(offset, offset + Math.min(length, PAGE - (offset % 8))));
    },
  });
}

/** What the card gives of these bytes: all-ones without link. */
function fetched(afu: Afu, bytes: Uint8Array): Uint8Array {
  return afu.adapter.linkUp ? bytes : bytes.map(() => 0xff);
}
