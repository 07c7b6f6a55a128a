import { genericEncoding, type IoctlDirection, ioctlNumber, powerpcEncoding } from './ioctl.ts';
import { keysOf } from './tables.ts';

/** The type byte of every cxl ioctl. cxlflash uses the same byte for its own. include/uapi/misc/cxl.h */
export const CXL_MAGIC = 0xca;

/** `_IOW(CXL_MAGIC, 0x00, struct cxl_ioctl_start_work)`, although `tid` is written back. Generic encoding. */
export const CXL_IOCTL_START_WORK = 0x4040ca00;
/** `_IOR(CXL_MAGIC, 0x01, __u32)`: gives the context's external process element. Generic encoding. */
export const CXL_IOCTL_GET_PROCESS_ELEMENT = 0x8004ca01;
/** `_IOR(CXL_MAGIC, 0x02, struct cxl_afu_id)`. Generic encoding. */
export const CXL_IOCTL_GET_AFU_ID = 0x8040ca02;
/** `_IOW(CXL_MAGIC, 0x0A, struct cxl_adapter_image)`: card node, PowerVM guest only. Generic encoding. */
export const CXL_IOCTL_DOWNLOAD_IMAGE = 0x4040ca0a;
/** `_IOW(CXL_MAGIC, 0x0B, struct cxl_adapter_image)`: card node, PowerVM guest only. Generic encoding. */
export const CXL_IOCTL_VALIDATE_IMAGE = 0x4040ca0b;

/** The five commands as x86, arm64 and most others number them. */
export const CxlIoctl = {
  CXL_IOCTL_START_WORK: 0x4040ca00,
  CXL_IOCTL_GET_PROCESS_ELEMENT: 0x8004ca01,
  CXL_IOCTL_GET_AFU_ID: 0x8040ca02,
  CXL_IOCTL_DOWNLOAD_IMAGE: 0x4040ca0a,
  CXL_IOCTL_VALIDATE_IMAGE: 0x4040ca0b,
} as const;

/** One cxl command number in the generic encoding. */
export type CxlIoctl = (typeof CxlIoctl)[keyof typeof CxlIoctl];

/** The kernel's name of a cxl ioctl. */
export type CxlIoctlName = keyof typeof CxlIoctl;

/** What makes up each command's number: direction, command number, bytes of the argument. */
export const cxlIoctlShapes: {
  readonly [N in CxlIoctlName]: { readonly direction: IoctlDirection; readonly nr: number; readonly size: number };
} = {
  CXL_IOCTL_START_WORK: { direction: 'write', nr: 0x00, size: 64 },
  CXL_IOCTL_GET_PROCESS_ELEMENT: { direction: 'read', nr: 0x01, size: 4 },
  CXL_IOCTL_GET_AFU_ID: { direction: 'read', nr: 0x02, size: 64 },
  CXL_IOCTL_DOWNLOAD_IMAGE: { direction: 'write', nr: 0x0a, size: 64 },
  CXL_IOCTL_VALIDATE_IMAGE: { direction: 'write', nr: 0x0b, size: 64 },
};

/** The five commands as powerpc numbers them. No number is in both tables. */
export const CxlIoctlPowerpc = {
  CXL_IOCTL_START_WORK: 0x8040ca00,
  CXL_IOCTL_GET_PROCESS_ELEMENT: 0x4004ca01,
  CXL_IOCTL_GET_AFU_ID: 0x4040ca02,
  CXL_IOCTL_DOWNLOAD_IMAGE: 0x8040ca0a,
  CXL_IOCTL_VALIDATE_IMAGE: 0x8040ca0b,
} as const;

/** One cxl command number in powerpc's encoding. */
export type CxlIoctlPowerpc = (typeof CxlIoctlPowerpc)[keyof typeof CxlIoctlPowerpc];

const names: ReadonlyMap<number, CxlIoctlName> = new Map(
  keysOf(cxlIoctlShapes).flatMap(name => {
    const { direction, nr, size } = cxlIoctlShapes[name];
    return [genericEncoding, powerpcEncoding].map(
      encoding => [ioctlNumber(encoding, direction, CXL_MAGIC, nr, size), name] as const,
    );
  }),
);

/**
 * The name of a cxl command, in either encoding, or undefined.
 *
 * @param cmd taken modulo 2^32, so a negative or sign-extended command is fine.
 */
export function ioctlName(cmd: number): CxlIoctlName | undefined {
  return names.get(cmd >>> 0);
}
