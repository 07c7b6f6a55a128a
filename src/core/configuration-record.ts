import type { ConfigurationRecord } from './afu-options.ts';

const DEFAULT_SIZE = 256;
const LARGEST = 4096;
/** Where a PCI device has its numbers: include/uapi/linux/pci_regs.h. */
const [PCI_VENDOR_ID, PCI_DEVICE_ID, PCI_CLASS_PROG] = [0, 2, 9];

const bits = { vendor: 16, device: 16, class: 24 } as const;

/**
 * The record with its configuration space, which is made from its numbers when it has none of its own.
 * @param name what is said of it in an error
 * @throws RangeError for a number that does not fit, or a space of another size than 1 to 4096 bytes
 */
export function completeRecord(name: string, record: ConfigurationRecord): Required<ConfigurationRecord> {
  for (const [field, width] of Object.entries(bits) as [keyof typeof bits, number][]) {
    const value = record[field];
    if (Number.isInteger(value) && value >= 0 && value < 2 ** width) continue;
    throw new RangeError(`${name}.${field} must be a whole number of ${width} bits, not ${String(value)}`);
  }
  const config = record.config ?? spaceOf(record);
  if (config.length < 1 || config.length > LARGEST) {
    throw new RangeError(`${name}.config must have 1 to ${LARGEST} bytes, not ${config.length}`);
  }
  return { ...record, config };
}

function spaceOf({ vendor, device, class: code }: ConfigurationRecord): Uint8Array {
  const bytes = new Uint8Array(DEFAULT_SIZE);
  const put = (at: number, value: number, size: number): void => {
    for (let i = 0; i < size; i++) bytes[at + i] = value >>> (8 * i);
  };
  put(PCI_VENDOR_ID, vendor, 2);
  put(PCI_DEVICE_ID, device, 2);
  put(PCI_CLASS_PROG, code, 3);
  return bytes;
}
