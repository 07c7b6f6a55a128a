import { CxlError, type Adapter, type CardImage } from '../../core/index.ts';
import { symlink, type Node } from '../../fuse/index.ts';
import { liveDirectory } from '../live-directory.ts';
import { cardMinor } from '../numbers.ts';
import { afuDirectory } from './afu.ts';
import {
  attributeFiles,
  devAttribute,
  deviceLines,
  presenceOf,
  scanInteger,
  ueventAttribute,
  type Attributes,
} from './attributes.ts';
import { pciAddress } from './pci.ts';

const images: readonly (CardImage | 'none')[] = ['none', 'user', 'factory'];
const bareMetal = ({ guest }: Adapter): boolean => !guest;

/** C original: `adapter_attrs` (drivers/misc/cxl/sysfs.c), `guest_support_attributes` (drivers/misc/cxl/guest.c). */
const cardAttributes: Attributes<Adapter> = {
  caia_version: { read: ({ description }) => description.caiaVersion },
  psl_revision: { read: ({ description }) => description.pslRevision },
  base_image: { exists: bareMetal, read: ({ description }) => description.baseImage },
  image_loaded: { exists: bareMetal, read: ({ imageLoaded }) => imageLoaded },
  psl_timebase_synced: { read: ({ description }) => Number(description.pslTimebaseSynced) },
  tunneled_ops_supported: { read: ({ description }) => Number(description.tunneledOpsSupported) },
  load_image_on_perst: { exists: bareMetal, read: adapter => adapter.loadImageOnPerst, write: chooseImage },
  perst_reloads_same_image: {
    exists: bareMetal,
    read: ({ perstReloadsSameImage }) => Number(perstReloadsSameImage),
    write: (adapter, text) => void (adapter.perstReloadsSameImage = scanOneOf(text, 0, 1) === 1),
  },
  reset: { write: (adapter, text) => adapter.reset(scanOneOf(text, 1, -1) === -1) },
  dev: { exists: ({ guest }) => guest, ...devAttribute(cardMinor) },
  uevent: ueventAttribute(adapter => (adapter.guest ? deviceLines(cardMinor(adapter), adapter.name) : {})),
};

function chooseImage(adapter: Adapter, text: string): void {
  const image = images.find(name => text.startsWith(name));
  if (image === undefined) throw new CxlError('EINVAL', 'write', `not one of ${images.join(', ')}`);
  adapter.loadImageOnPerst = image;
}

function scanOneOf(text: string, ...allowed: readonly number[]): number {
  const value = scanInteger(text);
  if (value !== undefined && allowed.includes(value)) return value;
  throw new CxlError('EINVAL', 'write', `not ${allowed.join(' or ')}`);
}

/** `card<N>/`, with its AFUs. It is good for as long as the card stays. */
export function cardDirectory(adapter: Adapter): Node {
  const there = presenceOf(adapter);
  const entries = {
    ...attributeFiles(cardAttributes, adapter, there),
    ...Object.fromEntries(adapter.afus.map(afu => [afu.name, afuDirectory(afu, there)])),
    device: symlink(`../.devices/${pciAddress(adapter)}`),
    subsystem: symlink('../../cxl'),
  };
  // What was opened before the card went away shows nothing more, and is not filled again when it is back.
  return liveDirectory(() => (there() ? entries : {}));
}
