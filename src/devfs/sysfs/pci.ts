import type { Adapter } from '../../core/index.ts';
import { directory, symlink, type Node } from '../../fuse/index.ts';
import { attributeFiles, presenceOf, ueventAttribute, type Attributes } from './attributes.ts';

/** IBM's first CAPI card, a processing accelerator. C original: `cxl_pci_tbl` (drivers/misc/cxl/pci.c). */
const [VENDOR, DEVICE, CLASS] = ['1014', '0477', '120000'];

/** Where the card would be on the bus. */
export function pciAddress({ card }: Adapter): string {
  return `0000:${(card + 1).toString(16).padStart(2, '0')}:00.0`;
}

const pciAttributes: Attributes<Adapter> = {
  vendor: { read: () => `0x${VENDOR}` },
  device: { read: () => `0x${DEVICE}` },
  class: { read: () => `0x${CLASS}` },
  uevent: ueventAttribute(adapter => ({
    DRIVER: 'cxl-pci',
    PCI_CLASS: CLASS,
    PCI_ID: `${VENDOR}:${DEVICE}`,
    PCI_SUBSYS_ID: '0000:0000',
    PCI_SLOT_NAME: pciAddress(adapter),
    MODALIAS: `pci:v0000${VENDOR}d0000${DEVICE}sv00000000sd00000000bc12sc00i00`,
  })),
};

/** `.devices/<address>/`: what a card's `device` link leads to, as far as a program follows it from an AFU. */
export function pciDirectory(adapter: Adapter): Node {
  return directory({ ...attributeFiles(pciAttributes, adapter, presenceOf(adapter)), subsystem: symlink('../pci') });
}
