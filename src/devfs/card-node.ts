import {
  ADAPTER_IMAGE_SIZE,
  AdapterImage,
  CXL_AI_ALL,
  CXL_AI_BUFFER_SIZE,
  CXL_AI_HEADER_SIZE,
  CXL_AI_MAX_ENTRIES,
  CXL_AI_NEED_HEADER,
} from '../abi/index.ts';
import { CxlError, type Adapter } from '../core/index.ts';
import type { Attributes, FileNode, IoctlRequest, OpenFile } from '../fuse/index.ts';
import type { DeviceFiles } from './device-files.ts';
import { cardMinor, deviceInode } from './numbers.ts';

/**
 * `dev/cxl/card<N>`, through which a PowerVM guest loads images into its card. There is no hypervisor here that would take
 * one: what the driver itself looks at is looked at, then the image is refused.
 * C original: drivers/misc/cxl/flash.c.
 */
export class CardNode implements FileNode {
  readonly kind = 'file';
  readonly #adapter: Adapter;
  readonly listedAs = 'unknown';
  readonly inode: number;
  readonly #files: DeviceFiles;
  readonly #commands: ReadonlySet<number>;

  constructor(adapter: Adapter, files: DeviceFiles) {
    const { CXL_IOCTL_DOWNLOAD_IMAGE, CXL_IOCTL_VALIDATE_IMAGE } = files.ioctlNumbers;
    this.#adapter = adapter;
    this.#files = files;
    this.#commands = new Set([CXL_IOCTL_DOWNLOAD_IMAGE, CXL_IOCTL_VALIDATE_IMAGE]);
    this.inode = deviceInode(cardMinor(adapter));
  }

  attributes(): Attributes {
    return this.#files.attributes;
  }

  /** @throws CxlError EBUSY while somebody has one open: the driver's open waits; ENODEV when the card is gone */
  open(): OpenFile {
    if (this.#files.cardOpen) throw new CxlError('EBUSY', 'open', 'another program has a card open');
    if (this.#adapter.gone) throw new CxlError('ENODEV', 'open', `${this.#adapter.name} is gone`);
    this.#files.cardOpen = true;
    return {
      ioctl: request => this.#ioctl(request),
      release: () => {
        this.#files.cardOpen = false;
        // Nothing was downloaded to the end.
        this.#resetCard();
      },
    };
  }

  #ioctl({ command, input }: IoctlRequest): void {
    if (!this.#commands.has(command))
      throw new CxlError('EINVAL', 'ioctl', `unknown command 0x${command.toString(16)}`);
    if (input.length < ADAPTER_IMAGE_SIZE) throw new CxlError('EFAULT', 'ioctl');
    const image = AdapterImage.decode(input);
    if ((image.reserved1 | image.reserved2 | image.reserved3 | image.reserved4) !== 0n) {
      throw new CxlError('EINVAL', 'ioctl', 'a reserved field is not 0');
    }
    if ((image.flags & ~CXL_AI_ALL) !== 0n) throw new CxlError('EINVAL', 'ioctl', `unknown flags ${image.flags}`);
    // From here on a failure resets the card.
    this.#resetCard();
    if (entriesOf(image) > CXL_AI_MAX_ENTRIES) {
      throw new CxlError('EINVAL', 'ioctl', `${image.lenData} bytes are more than one list holds`);
    }
    throw new CxlError('EPERM', 'ioctl', 'there is no hypervisor here that would take an image');
  }

  /** The hypervisor asks nobody. */
  #resetCard(): void {
    try {
      this.#adapter.reset(true);
    } catch {
      // What failed was reported; it is none of the caller's business.
    }
  }
}

/** Buffers of the list that goes to the hypervisor. */
function entriesOf({ flags, lenData }: AdapterImage): bigint {
  const header = (flags & CXL_AI_NEED_HEADER) === 0n ? 0 : CXL_AI_HEADER_SIZE;
  const size = BigInt(CXL_AI_BUFFER_SIZE);
  return (lenData + BigInt(header) + size - 1n) / size;
}
